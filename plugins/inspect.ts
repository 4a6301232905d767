/** What a module is and may do, and why it could not be loaded: for people who want to know first. */

import { abilitiesOf, type Ability, SCRIPT_ABILITIES } from "./abilities.ts";
import { sha256 } from "./digest.ts";
import { PAGE_BYTES, prepare } from "./host/prepare.ts";
import { MODULE_HEADER, Reader } from "./host/binary.ts";
import { moduleProblems } from "./host/validate.ts";
import { inspectScript } from "./inspect_script.ts";
import { PluginError, type PluginLimits } from "./plugin.ts";
import { scriptOf } from "./script.ts";

/** What is known about a module. */
export interface Inspection {
  /** What it was written in, as far as it says so, e.g. `Go go1.26.8`. */
  readonly language?: string;
  /** In bytes. */
  readonly size: number;
  /** In bytes, as a ConfigMap or a registry would keep it. */
  readonly gzipSize: number;
  /** In hex. */
  readonly sha256: string;
  /** Every ability that a module can have, also those that this one has not. */
  readonly abilities: readonly Ability[];
  /** Names with their kinds, e.g. `handle (function)`. */
  readonly exports: readonly string[];
  /** Its memory as it declares it, in bytes; `max` is absent where it names no bound. */
  readonly memory?: { readonly min: number; readonly max?: number };
  /** Why loading it would fail, one sentence each; empty: it would not. */
  readonly problems: readonly string[];
}

const SCRIPT = "JavaScript, in the host's engine";

const SECTION = { custom: 0, memory: 5 } as const;
/** Larger parts of a module are not looked into for the compiler's name. */
const MAX_PRODUCERS_BYTES = 64 * 1024;

/** The sections of a module, by their number. @throws PluginError `invalid_module` */
function* sectionsOf(module: Uint8Array): Generator<{ id: number; body: Reader }> {
  const reader = new Reader(module, MODULE_HEADER.length, module.length);
  while (reader.position < reader.end) {
    const id = reader.byte();
    const body = reader.take(reader.u32());
    yield { id, body: new Reader(body, 0, body.length) };
  }
}

/** What the section `producers` says, which compilers write and nobody checks. */
function readProducers(section: Reader): string | undefined {
  const fields = new Map<string, string>();
  for (let left = section.u32(); left > 0; left--) {
    const field = section.text();
    const values: string[] = [];
    for (let count = section.u32(); count > 0; count--) {
      values.push(`${section.text()} ${section.text()}`.trim());
    }
    fields.set(field, values.join(", "));
  }
  return fields.get("language") ?? fields.get("processed-by");
}

function languageOf(module: Uint8Array): string | undefined {
  for (const { id, body } of sectionsOf(module)) {
    if (id !== SECTION.custom || body.end > MAX_PRODUCERS_BYTES) continue;
    try {
      if (body.text() === "producers") return readProducers(body);
    } catch (error) {
      if (!(error instanceof PluginError)) throw error; // damaged, which hinders nobody
    }
  }
  return undefined;
}

function memoryOf(module: Uint8Array): Inspection["memory"] {
  for (const { id, body } of sectionsOf(module)) {
    if (id !== SECTION.memory || body.u32() === 0) continue;
    const { min, max } = body.limits();
    const bound = Number.isFinite(max) ? { max: max * PAGE_BYTES } : {};
    return { min: min * PAGE_BYTES, ...bound };
  }
  return undefined;
}

async function gzipSize(module: Uint8Array<ArrayBuffer>): Promise<number> {
  const packed = new Blob([module]).stream().pipeThrough(new CompressionStream("gzip"));
  let size = 0;
  for await (const chunk of packed) size += chunk.length;
  return size;
}

/** What compiling would object to, which is in no list of ours. */
async function compileProblem(bytes: Uint8Array<ArrayBuffer>): Promise<string[]> {
  try {
    await WebAssembly.compile(bytes);
    return [];
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    return [`it is not valid: ${error.message.replace("WebAssembly.compile(): ", "")}`];
  }
}

type Content = Pick<Inspection, "language" | "abilities" | "exports" | "memory" | "problems">;

async function contentOf(
  module: Uint8Array,
  functionName: string,
  limits: PluginLimits,
): Promise<Content> {
  const script = scriptOf(module);
  if (script !== undefined) {
    const { exports, problems } = await inspectScript(script, functionName, limits);
    return { language: SCRIPT, abilities: SCRIPT_ABILITIES, exports, problems };
  }
  // Without a bound first: one that is too large in memory still has names to show.
  const prepared = prepare(module, 2 ** 16);
  const problems = moduleProblems(prepared, functionName);
  const memory = memoryOf(module);
  if (memory && memory.min > limits.memoryBytes) {
    problems.push(
      `it starts with ${memory.min} bytes of memory; its limit is ${limits.memoryBytes}`,
    );
  }
  if (problems.length === 0) problems.push(...await compileProblem(prepared.bytes));
  const language = languageOf(module);
  return {
    ...language === undefined ? {} : { language },
    abilities: abilitiesOf(prepared.imports),
    exports: prepared.exports.map(({ name, kind }) => `${name} (${kind})`),
    ...memory === undefined ? {} : { memory },
    problems,
  };
}

/**
 * Looks into a module without running it.
 *
 * @param functionName what the host would call
 * @param limits what the host would hold it to
 */
export async function inspectModule(
  module: Uint8Array<ArrayBuffer>,
  functionName: string,
  limits: PluginLimits,
): Promise<Inspection> {
  const size = module.length;
  const hash = await sha256(module);
  const tooLarge = size > limits.moduleBytes
    ? [`it has ${size} bytes; its limit is ${limits.moduleBytes}`]
    : [];
  const file = { size, gzipSize: await gzipSize(module), sha256: hash };
  try {
    const content = await contentOf(module, functionName, limits);
    return { ...file, ...content, problems: [...tooLarge, ...content.problems] };
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return { ...file, abilities: [], exports: [], problems: [...tooLarge, error.message] };
  }
}
