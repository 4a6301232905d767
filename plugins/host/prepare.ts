/**
 * Rewrites a module before it is compiled, so that the limits hold whatever it declares: caps its
 * memory and tables. Finds everything that this host cannot bound or does not offer.
 * Binary format: https://webassembly.github.io/spec/core/binary/modules.html
 */

import { PluginError } from "../plugin.ts";
import { bodyProblem, type Signature } from "./compile_cost.ts";
import { damaged, isModule, MAX_SECTIONS, MODULE_HEADER, Reader, Writer } from "./binary.ts";

/** Bytes of one page of linear memory. */
export const PAGE_BYTES = 65_536;

/** Entries of all tables together; V8 takes about 16 bytes for each, outside the guest's memory. */
const MAX_TABLE_ENTRIES = 1 << 17;
const MAX_TABLES = 16;
const MAX_IMPORTS = 1_000;
const MAX_EXPORTS = 10_000;

/** As V8 has them. */
const MAX_TYPES = 1_000_000;
const MAX_FUNCTIONS = 1_000_000;

const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  export: 7,
  code: 10,
  tag: 13,
} as const;
/** Kinds of imports and exports. */
const KINDS = ["function", "table", "memory", "global", "tag"] as const;
const FUNCTION_TYPE = 0x60;

/** What a module asks for or offers, by name. */
export interface ModuleName {
  readonly name: string;
  readonly kind: typeof KINDS[number];
}

/** A module with its limits lowered to ours, and what it is. */
export interface Prepared {
  /** Not to be used when there are problems. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly imports: readonly (ModuleName & { readonly module: string })[];
  readonly exports: readonly ModuleName[];
  /** Why this host cannot run it, one sentence each. */
  readonly problems: readonly string[];
}

function kindOf(reader: Reader): typeof KINDS[number] {
  return KINDS[reader.byte()] ?? damaged("the module holds a kind of name that does not exist");
}

/** Goes through the sections of one module. */
class Preparation {
  readonly imports: (ModuleName & { readonly module: string })[] = [];
  readonly exports: ModuleName[] = [];
  readonly problems: string[] = [];
  readonly #types: Signature[] = [];
  /** Index of its type by index of the function. */
  readonly #functions: number[] = [];
  #mostResults = 0;

  constructor(private readonly maxPages: number) {}

  /** The section anew, or nothing where it stays as it is. */
  section(id: number, body: Reader): Uint8Array | undefined {
    if (id === SECTION.table) return this.#tables(body);
    if (id === SECTION.memory) return this.#memories(body);
    if (id === SECTION.type) this.#readTypes(body);
    if (id === SECTION.import) this.#imports(body);
    if (id === SECTION.function) this.#readFunctions(body);
    if (id === SECTION.export) this.#exports(body);
    if (id === SECTION.code) this.#bodies(body);
    // A thrown exception lives on the host's heap, like a garbage-collected value.
    if (id === SECTION.tag) this.problems.push("it uses exception handling, which is not allowed");
    return undefined;
  }

  /** Only functions: structures and arrays live on the host's heap, where nothing bounds them. */
  #readTypes(body: Reader): void {
    const count = body.u32();
    if (count > MAX_TYPES) damaged(`the module has ${count} types; at most ${MAX_TYPES} may be`);
    for (let left = count; left > 0; left--) {
      if (body.byte() !== FUNCTION_TYPE) {
        this.problems.push("it uses garbage-collected types, which are not allowed");
        return; // how long one of them is does not matter
      }
      const parameters = body.u32();
      for (let n = 0; n < parameters; n++) body.valueType();
      const results = body.u32();
      for (let n = 0; n < results; n++) body.valueType();
      this.#types.push({ parameters, results });
      this.#mostResults = Math.max(this.#mostResults, results);
    }
  }

  #readFunctions(body: Reader): void {
    const count = body.u32();
    if (count > MAX_FUNCTIONS) {
      damaged(`the module has ${count} functions; at most ${MAX_FUNCTIONS} may be`);
    }
    for (let left = count; left > 0; left--) this.#functions.push(body.u32());
  }

  /** Of the functions, which follow those that are imported. */
  #bodies(body: Reader): void {
    const signatures = {
      types: this.#types,
      functions: this.#functions,
      mostResults: this.#mostResults,
    };
    const first = this.imports.filter(({ kind }) => kind === "function").length;
    const count = body.u32();
    for (let n = 0; n < count; n++) {
      const length = body.u32();
      const end = body.position + length;
      body.take(length);
      const { parameters = 0 } = this.#types[this.#functions[first + n]!] ?? {};
      const problem = bodyProblem(
        new Reader(body.bytes, end - length, end),
        parameters,
        signatures,
      );
      if (problem === undefined) continue;
      this.problems.push(problem);
      return; // one that was made for it may have a thousand more
    }
  }

  #imports(body: Reader): void {
    const count = body.u32();
    if (count > MAX_IMPORTS) {
      damaged(`the module has ${count} imports; at most ${MAX_IMPORTS} may be`);
    }
    for (let left = count; left > 0; left--) {
      const module = body.text();
      const name = body.text();
      const kind = kindOf(body);
      this.imports.push({ module, name, kind });
      if (kind === "function") this.#functions.push(body.u32());
      else if (kind === "memory") body.limits();
      else if (kind === "tag") body.take(1) && body.u32();
      else {
        body.valueType();
        if (kind === "global") body.byte();
        else body.limits();
      }
    }
  }

  #exports(body: Reader): void {
    const count = body.u32();
    if (count > MAX_EXPORTS) {
      damaged(`the module has ${count} exports; at most ${MAX_EXPORTS} may be`);
    }
    for (let left = count; left > 0; left--) {
      this.exports.push({ name: body.text(), kind: kindOf(body) });
      body.u32();
    }
  }

  #tables(body: Reader): Uint8Array | undefined {
    const count = body.u32();
    if (count > MAX_TABLES) {
      this.problems.push(`it has ${count} tables; at most ${MAX_TABLES} may be`);
      return undefined;
    }
    const out = new Writer().u32(count);
    let room = MAX_TABLE_ENTRIES;
    for (let left = count; left > 0; left--) {
      const start = body.position;
      if (body.bytes[start] === 0x40) {
        this.problems.push("it has a table with an initial value, which is not allowed");
        return undefined;
      }
      body.valueType();
      out.raw(body.bytes.subarray(start, body.position));
      const { min, max, plain } = body.limits();
      if (!plain) this.problems.push("it declares a shared or 64-bit table, which is not allowed");
      if (min > room) {
        this.problems.push(`its tables hold more than ${MAX_TABLE_ENTRIES} entries`);
        return undefined;
      }
      // What is left over is shared out evenly, so that growing all tables stays in the bound.
      const largest = Math.min(max, min + Math.floor((room - min) / left));
      out.limits(min, largest);
      room -= largest;
    }
    return out.section(SECTION.table);
  }

  #memories(body: Reader): Uint8Array | undefined {
    const count = body.u32();
    if (count > 1) {
      this.problems.push("it has more than one memory, which is not allowed");
      return undefined;
    }
    const out = new Writer().u32(count);
    if (count === 1) {
      const { min, max, plain } = body.limits();
      if (!plain) this.problems.push("it declares a shared or 64-bit memory, which is not allowed");
      if (plain && min > this.maxPages) {
        throw new PluginError(
          "memory_limit",
          `the module starts with ${min * PAGE_BYTES} bytes of memory; ` +
            `its limit is ${this.maxPages * PAGE_BYTES}`,
        );
      }
      out.limits(min, Math.min(max, this.maxPages));
    }
    return out.section(SECTION.memory);
  }
}

/**
 * The same module with its limits lowered to ours, and what is in it.
 *
 * @param maxPages largest linear memory, in pages of 64 KiB
 * @throws PluginError `invalid_module`: damaged, or no module; `memory_limit`
 */
export function prepare(module: Uint8Array, maxPages: number): Prepared {
  if (!isModule(module)) {
    damaged("these bytes are not a WebAssembly module (version 1)");
  }
  const parts: Uint8Array[] = [module.subarray(0, MODULE_HEADER.length)];
  const reader = new Reader(module, MODULE_HEADER.length, module.length);
  const preparation = new Preparation(maxPages);
  for (let sections = 1; reader.position < reader.end; sections++) {
    if (sections > MAX_SECTIONS) damaged(`the module has more than ${MAX_SECTIONS} sections`);
    const start = reader.position;
    const id = reader.byte();
    const body = reader.take(reader.u32());
    const from = body.byteOffset - module.byteOffset;
    const rewritten = preparation.section(id, new Reader(module, from, from + body.length));
    parts.push(rewritten ?? module.subarray(start, reader.position));
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const { imports, exports, problems } = preparation;
  return { bytes, imports, exports, problems };
}
