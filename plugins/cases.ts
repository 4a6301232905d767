/** Cases of a plugin: a given input, and what has to come of it. One file each, YAML or JSON. */

import { type Document, isNode } from "yaml";
import { z } from "zod";
import { PluginFileError, readYamlFile } from "./build/yaml_file.ts";
import type { JsonValue } from "./json_value.ts";
import { yamlValue } from "./yaml_value.ts";

/** What has to come of a call. */
export type Expectation =
  /** These frames, in this order: `output` is one, `outputs` a fan-out, `nothing` none. */
  | { readonly outputs: readonly JsonValue[] }
  /** An error; what is absent may be anything. */
  | { readonly error: { readonly type?: string; readonly message?: string } };

/** One case. */
export interface PluginCase {
  /** The file's name without its ending. */
  readonly name: string;
  /** The payload, or in envelope mode the envelope. */
  readonly input: JsonValue;
  /** What has to come of it. */
  readonly expected: Expectation;
  /** Settings that the guest reads in this case, instead of those of the same names. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Counted from 1. */
  readonly attempt: number;
  /** Whether numbers must be written as they are expected. */
  readonly exact: boolean;
}

const EXPECTATIONS = ["output", "outputs", "nothing", "error"] as const;
/** More are a mistake. */
const MAX_CASES = 10_000;

const opt = z.exactOptional;
const schema = z.strictObject({
  input: z.unknown().refine((value) => value !== undefined, { message: "is missing" }),
  output: z.unknown().optional(),
  outputs: opt(z.array(z.unknown())),
  nothing: opt(z.literal(true)),
  error: opt(z.strictObject({ type: opt(z.string()), message: opt(z.string()) })),
  config: z.looseObject({}).default({}),
  attempt: z.int().min(1).default(1),
  exact: z.boolean().default(false),
}).refine((one) => EXPECTATIONS.filter((name) => Object.hasOwn(one, name)).length === 1, {
  message: `exactly one of ${EXPECTATIONS.join(", ")} is needed`,
});

function part(document: Document, name: string): JsonValue {
  const node = document.get(name, true);
  return yamlValue(isNode(node) ? node : null, document);
}

function expectation(document: Document, read: z.output<typeof schema>): Expectation {
  if (read.error) return { error: read.error };
  if (read.nothing) return { outputs: [] };
  if (!document.has("outputs")) return { outputs: [part(document, "output")] };
  return { outputs: part(document, "outputs") as readonly JsonValue[] };
}

async function readCase(path: string, name: string): Promise<PluginCase> {
  const { value, document } = await readYamlFile(path, schema);
  const { config, attempt, exact } = value;
  try {
    const expected = expectation(document, value);
    return { name, input: part(document, "input"), expected, config, attempt, exact };
  } catch (error) {
    if (error instanceof RangeError) throw new PluginFileError([`${path}: ${error.message}`]);
    throw error;
  }
}

async function caseFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (/\.(ya?ml|json)$/.test(name) && !name.startsWith(".")) files.push(name);
      if (files.length > MAX_CASES) throw new RangeError(`${folder}: more than ${MAX_CASES} cases`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // no folder: no cases
  }
  return files.sort();
}

/**
 * Reads the cases of a plugin's folder, which are in `cases/`, in the order of their names.
 *
 * @throws PluginFileError
 */
export async function readCases(dir: string): Promise<PluginCase[]> {
  const folder = `${dir}/cases`;
  const cases: PluginCase[] = [];
  for (const file of await caseFiles(folder)) {
    cases.push(await readCase(`${folder}/${file}`, file.replace(/\.\w+$/, "")));
  }
  return cases;
}
