/** A raw value against a schema: every mistake, worded for the person who wrote the file. */

import { z } from "zod";
import { closest } from "./closest.ts";
import { passedFields } from "./pod.ts";
import { type Complaint, type Path, pathText, valueAt } from "./rules.ts";

/** The schema behind wrappers such as optional, default and transform. */
function bare(schema: z.core.$ZodType): z.core.$ZodTypes {
  let inner = schema as z.core.$ZodTypes;
  for (;;) {
    const def = inner._zod.def;
    if ("innerType" in def) inner = def.innerType as z.core.$ZodTypes;
    else if (def.type === "pipe") inner = def.in as z.core.$ZodTypes;
    else return inner;
  }
}

/** Where our own schema is strict any unknown field is a mistake; in Kubernetes' a near miss is. */
function* unknownFields(
  schema: z.core.$ZodType,
  value: unknown,
  path: Path,
): Generator<Complaint> {
  const { def } = bare(schema)._zod;
  if (typeof value !== "object" || value === null) return;
  if (def.type === "array" && Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* unknownFields(def.element, item, [...path, i]);
  }
  if (def.type === "record" && !Array.isArray(value)) {
    for (const [key, item] of Object.entries(value)) {
      yield* unknownFields(def.valueType, item, [...path, key]);
    }
  }
  if (def.type !== "object" || Array.isArray(value)) return;
  const strict = def.catchall?._zod.def.type === "never";
  const passed = passedFields.get(bare(schema)) ?? [];
  for (const [key, item] of Object.entries(value)) {
    const field = def.shape[key];
    if (field) yield* unknownFields(field, item, [...path, key]);
    if (field || passed.includes(key)) continue;
    const known = Object.keys(def.shape);
    const near = closest(key, strict ? known : [...known, ...passed]);
    // A word of another case or number is no field of Kubernetes'; anything further may be a new one.
    if (!strict && near === undefined) continue;
    yield {
      path: [...path, key],
      at: "key",
      message: `${pathText([...path, key])} is no field`,
      fix: near ? `did you mean ${near}?` : `fields here: ${known.join(", ")}`,
    };
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a group of fields",
  record: "a group of fields",
};

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a group of fields";
  const text = String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function mendedType(expected: string, value: unknown): string {
  const scalar = typeof value === "number" || typeof value === "boolean";
  if (expected === "string" && scalar) return `put it in quotes: "${value}"`;
  if (typeof value === "string") {
    const number = value.trim() !== "" && Number.isFinite(Number(value));
    if ((expected === "number" || expected === "int") && number) return "remove the quotes";
    if (expected === "boolean" && /^(true|false)$/.test(value)) return "remove the quotes";
  }
  return `write ${KINDS[expected] ?? expected}`;
}

function bound(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (issue.code === "too_small") return `at least ${issue.minimum}`;
  return `at most ${issue.maximum}`;
}

function complaint(issue: z.core.$ZodIssue, root: unknown): Complaint {
  const path = issue.path.map((part) => typeof part === "symbol" ? String(part) : part);
  const name = pathText(path) || "the document";
  const value = valueAt(root, path);
  switch (issue.code) {
    case "invalid_type": {
      const expected = "format" in issue && issue.format === "safeint" ? "int" : issue.expected;
      const kind = KINDS[expected] ?? expected;
      if (value === undefined) return { path, message: `${name} is missing`, fix: `add ${kind}` };
      const message = `${name} is ${shown(value)}, expected ${kind}`;
      return { path, message, fix: mendedType(expected, value) };
    }
    case "invalid_value": {
      const words = issue.values.map(String);
      if (value === undefined) {
        return { path, message: `${name} is missing`, fix: `add ${words.join(" or ")}` };
      }
      const near = typeof value === "string" ? closest(value, words) : undefined;
      const fix = near ? `did you mean ${near}?` : `write ${words.join(" or ")}`;
      return { path, message: `${name} is ${shown(value)}`, fix };
    }
    case "too_small":
    case "too_big":
      return { path, message: `${name} is ${shown(value)}`, fix: `write ${bound(issue)}` };
    case "custom": {
      const fix = String(issue.params?.["fix"] ?? "see the documentation of this field");
      return { path, message: `${name} ${issue.message}: ${shown(value)}`, fix };
    }
    case "invalid_key": {
      const [inner] = issue.issues;
      const fix = inner?.code === "custom" ? String(inner.params?.["fix"]) : "write another one";
      return { path, at: "key", message: `${name} ${inner?.message}`, fix };
    }
    default:
      return { path, message: `${name}: ${issue.message}`, fix: "see the documentation" };
  }
}

/** The value as the schema reads it, or everything that is wrong with it. */
export function check<T>(
  schema: z.ZodType<T>,
  value: unknown,
): { value: T; complaints: [] } | { value?: undefined; complaints: Complaint[] } {
  const complaints = [...unknownFields(schema, value, [])];
  const mistyped = new Set(
    complaints.map(({ path, fix }) => `${pathText(path.slice(0, -1))}:${fix}`),
  );
  const result = schema.safeParse(value);
  for (const issue of result.error?.issues ?? []) {
    if (issue.code === "unrecognized_keys") continue;
    const found = complaint(issue, value);
    // A mistyped field is one mistake, not also a missing one.
    const parent = pathText(found.path.slice(0, -1));
    if (mistyped.has(`${parent}:did you mean ${found.path.at(-1)}?`)) continue;
    complaints.push(found);
  }
  if (complaints.length > 0) return { complaints };
  if (result.success) return { value: result.data, complaints: [] };
  // Only unrecognized keys were reported, and the walk above knows each of those fields.
  throw new Error(`schema and walk disagree: ${result.error.message}`);
}
