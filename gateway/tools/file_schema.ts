/** The shape of a tools file, part by part, so that a mistake in one part hides none in another. */

import { isActorName } from "@asya/envelope";
import { z } from "zod";
import { checkArguments, checkValue } from "./arguments.ts";
import { type Hook, type Parameter, PARAMETER_TYPES, type ParameterType } from "./tool.ts";

const END_ACTORS = ["happy-end", "error-end"];

const actor = z.string()
  .refine(isActorName, { error: ({ input }) => `${JSON.stringify(input)} is no actor's name` })
  .refine((name) => !END_ACTORS.includes(name), {
    error: ({ input }) => `every route ends at ${input} by itself, leave it out`,
  });

/** The actors of a route. */
export const actorList = z.array(actor).min(1).max(1000);

/** What the tool specification of MCP allows as well. */
const toolName = z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, {
  error: "a tool's name has 1 to 128 letters, digits, '_', '.' or '-'",
});

const parameterName = z.string().regex(/^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, {
  error: "a parameter's name is a letter or '_', then up to 63 letters, digits, '_', '.' or '-'",
});

/** A parameter as it is written. */
export interface ParameterEntry {
  readonly type: ParameterType;
  readonly description?: string | undefined;
  readonly required?: boolean | undefined;
  readonly default?: unknown;
  readonly options?: readonly unknown[] | undefined;
  /** The same as `options`. */
  readonly enum?: readonly unknown[] | undefined;
  readonly items?: ParameterEntry | undefined;
  readonly properties?: Readonly<Record<string, ParameterEntry>> | undefined;
}

/** A parameter as the rest of the room knows it. */
export function toParameter(entry: ParameterEntry): Parameter {
  const { type, description, items, properties } = entry;
  const options = entry.options ?? entry.enum;
  return {
    type,
    required: entry.required ?? false,
    ...description === undefined ? {} : { description },
    ...entry.default === undefined || entry.default === null ? {} : { default: entry.default },
    ...options === undefined ? {} : { options },
    ...items === undefined ? {} : { items: toParameter(items) },
    ...properties === undefined ? {} : { properties: toParameters(properties) },
  };
}

/** Parameters by name as the rest of the room knows them. */
export function toParameters(
  entries: Readonly<Record<string, ParameterEntry>>,
): ReadonlyMap<string, Parameter> {
  return new Map(Object.entries(entries).map(([name, entry]) => [name, toParameter(entry)]));
}

/** What a parameter's shape alone cannot say: the key that is wrong, and why. */
function contradictions(entry: ParameterEntry): [key: string, message: string][] {
  const found: [string, string][] = [];
  const { type } = entry;
  if (entry.options && entry.enum) found.push(["enum", "enum means the same as options: keep one"]);
  if (entry.items && type !== "array") {
    found.push(["items", `items belong to an array, not ${type}`]);
  }
  if (entry.properties && type !== "object") {
    found.push(["properties", `properties belong to an object, not ${type}`]);
  }
  const { options, default: fallback, ...plain } = toParameter(entry);
  for (const option of options ?? []) {
    const [problem] = checkValue(plain, option, "option");
    if (problem) found.push([entry.options ? "options" : "enum", problem]);
  }
  if (fallback !== undefined) {
    const [problem] = checkValue({ ...plain, ...options ? { options } : {} }, fallback, "default");
    if (problem) found.push(["default", problem]);
  }
  return found;
}

const parameter: z.ZodType<ParameterEntry> = z.lazy(() =>
  z.strictObject({
    type: z.enum(PARAMETER_TYPES),
    description: z.string().optional(),
    required: z.boolean().optional(),
    default: z.unknown().optional(),
    options: z.array(z.unknown()).min(1).optional(),
    enum: z.array(z.unknown()).min(1).optional(),
    items: parameter.optional(),
    properties: z.record(parameterName, parameter).optional(),
  }).superRefine((entry, context) => {
    for (const [key, message] of contradictions(entry)) {
      context.addIssue({ code: "custom", path: [key], message });
    }
  })
);

const common = {
  progress: z.boolean().optional(),
  /** Seconds, up to a year. */
  timeout: z.number().min(0).max(31_536_000).optional(),
};

const DEFAULT_HOOK_HEADER = "X-Hub-Signature-256";

const hook = z.strictObject({
  secretFile: z.string().min(1).optional(),
  secretEnv: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
    error: "the name of an environment variable is expected",
  }).optional(),
  header: z.string().regex(/^[A-Za-z0-9-]{1,100}$/, {
    error: "the name of a header is expected",
  }).optional(),
}).refine(({ secretFile, secretEnv }) => (secretFile === undefined) !== (secretEnv === undefined), {
  error: "a hook has either a secretFile or a secretEnv",
});

/** A hook as the rest of the room knows it. */
export function toHook({ secretFile, secretEnv, header }: z.infer<typeof hook>): Hook {
  return {
    secret: secretFile === undefined ? { env: secretEnv! } : { file: secretFile },
    header: header ?? DEFAULT_HOOK_HEADER,
  };
}

/** One tool. Its route is looked at apart: a name must be known, a list must be right. */
export const toolEntry = z.strictObject({
  name: toolName,
  description: z.string().optional(),
  parameters: z.record(parameterName, parameter).nullish(),
  route: z.union([z.string(), z.array(z.unknown())], {
    error: "the name of a route or a list of actors is expected",
  }),
  metadata: z.record(z.string(), z.unknown()).optional(),
  examples: z.array(z.record(z.string(), z.unknown())).max(100).optional(),
  hook: hook.optional(),
  ...common,
}).superRefine(({ examples, parameters }, context) => {
  for (const [index, example] of (examples ?? []).entries()) {
    const { problems } = checkArguments(toParameters(parameters ?? {}), example);
    for (const message of problems) {
      context.addIssue({ code: "custom", path: ["examples", index], message });
    }
  }
});

/** What the tools of one file have where they do not say otherwise. */
export const defaultsEntry = z.strictObject(common);

/** A whole file; its routes and tools are looked at one by one. */
export const toolsFile = z.strictObject({
  defaults: defaultsEntry.nullish(),
  routes: z.record(z.string(), z.unknown()).nullish(),
  tools: z.array(z.unknown()).nullish(),
});
