/**
 * Rewrites a module before it is compiled, so that the limits hold whatever it declares: caps its
 * memory and tables, refuses what cannot be bounded, and moves the imports that the engine would
 * serve itself (WASI, HTTP) into namespaces of ours.
 * Binary format: https://webassembly.github.io/spec/core/binary/modules.html
 */

import { PluginError } from "../plugin.ts";

/** Bytes of one page of linear memory. */
export const PAGE_BYTES = 65_536;

/** Where imports from `wasi_snapshot_preview1` go. */
export const WASI_NAMESPACE = "host:wasi";

/** Where the imports `http_*` from `extism:host/env` go. */
export const HTTP_NAMESPACE = "host:http";

/** Entries of all tables together; V8 takes about 16 bytes for each, outside the guest's memory. */
const MAX_TABLE_ENTRIES = 1 << 17;
const MAX_TABLES = 16;

const SECTION = { type: 1, import: 2, table: 4, memory: 5, tag: 13 } as const;
const FUNCTION_TYPE = 0x60;
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

function refuse(message: string): never {
  throw new PluginError("invalid_module", message);
}

/** Reads a module from front to back; every read is checked against the end. */
class Reader {
  constructor(readonly bytes: Uint8Array, public position: number, readonly end: number) {}

  byte(): number {
    if (this.position >= this.end) refuse("the module is cut off or damaged");
    return this.bytes[this.position++]!;
  }

  /** An unsigned LEB128 number of at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return refuse("the module holds a number that is too long");
  }

  /** Steps over `length` bytes and returns them. */
  take(length: number): Uint8Array {
    if (length > this.end - this.position) refuse("the module is cut off or damaged");
    return this.bytes.subarray(this.position, this.position += length);
  }

  text(): string {
    try {
      return decoder.decode(this.take(this.u32()));
    } catch (error) {
      if (error instanceof PluginError) throw error;
      throw new PluginError("invalid_module", "the module holds a name that is not UTF-8", {
        cause: error,
      });
    }
  }

  /** Steps over a value type, which is longer than a byte for typed references. */
  valueType(): void {
    const form = this.byte();
    if (form !== 0x63 && form !== 0x64) return;
    for (let length = 0; this.byte() >= 0x80; length++) {
      if (length > 5) refuse("the module holds a number that is too long");
    }
  }

  /** Smallest and largest size of a memory or table. */
  limits(what: string): { min: number; max: number } {
    const flags = this.byte();
    if (flags > 1) refuse(`the module declares a shared or 64-bit ${what}, which is not allowed`);
    const min = this.u32();
    return { min, max: flags === 1 ? this.u32() : Infinity };
  }
}

/** Collects the bytes of one rewritten section. */
class Writer {
  readonly #bytes: number[] = [];

  u32(value: number): this {
    let rest = value;
    do {
      const low = rest & 0x7f;
      rest = Math.floor(rest / 128);
      this.#bytes.push(rest > 0 ? low | 0x80 : low);
    } while (rest > 0);
    return this;
  }

  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  text(text: string): this {
    const bytes = encoder.encode(text);
    return this.u32(bytes.length).raw(bytes);
  }

  limits(min: number, max: number): this {
    return this.raw([1]).u32(min).u32(max);
  }

  section(id: number): Uint8Array {
    const size = new Writer().u32(this.#bytes.length);
    return Uint8Array.from([id, ...size.#bytes].concat(this.#bytes));
  }
}

/** Only functions: structures and arrays live on the host's heap, where nothing bounds them. */
function checkTypes(reader: Reader): void {
  for (let left = reader.u32(); left > 0; left--) {
    if (reader.byte() !== FUNCTION_TYPE) {
      refuse("the module uses garbage-collected types, which are not allowed");
    }
    for (let parameters = reader.u32(); parameters > 0; parameters--) reader.valueType();
    for (let results = reader.u32(); results > 0; results--) reader.valueType();
  }
}

function namespaceOf(module: string, name: string): string {
  if (module === "wasi_snapshot_preview1") return WASI_NAMESPACE;
  if (module === "extism:host/env" && name.startsWith("http_")) return HTTP_NAMESPACE;
  return module;
}

function rewriteImports(reader: Reader): Uint8Array {
  const count = reader.u32();
  const out = new Writer().u32(count);
  for (let left = count; left > 0; left--) {
    const module = reader.text();
    const name = reader.text();
    if (reader.byte() !== 0) {
      refuse(`the module imports ${module}.${name}; only functions may be imported`);
    }
    out.text(namespaceOf(module, name)).text(name).raw([0]).u32(reader.u32());
  }
  return out.section(SECTION.import);
}

function rewriteTables(reader: Reader): Uint8Array {
  const count = reader.u32();
  if (count > MAX_TABLES) refuse(`the module has ${count} tables; at most ${MAX_TABLES} may be`);
  const out = new Writer().u32(count);
  let room = MAX_TABLE_ENTRIES;
  for (let left = count; left > 0; left--) {
    const start = reader.position;
    if (reader.bytes[start] === 0x40) refuse("the module has a table with an initial value");
    reader.valueType();
    out.raw(reader.bytes.subarray(start, reader.position));
    const { min, max } = reader.limits("table");
    if (min > room) refuse(`the module's tables hold more than ${MAX_TABLE_ENTRIES} entries`);
    // What is left over is shared out evenly, so that growing all tables stays in the bound.
    const largest = Math.min(max, min + Math.floor((room - min) / left));
    out.limits(min, largest);
    room -= largest;
  }
  return out.section(SECTION.table);
}

function rewriteMemories(reader: Reader, maxPages: number): Uint8Array {
  const count = reader.u32();
  if (count > 1) refuse("the module has more than one memory");
  const out = new Writer().u32(count);
  if (count === 1) {
    const { min, max } = reader.limits("memory");
    if (min > maxPages) {
      throw new PluginError(
        "memory_limit",
        `the module starts with ${min * PAGE_BYTES} bytes of memory; ` +
          `its limit is ${maxPages * PAGE_BYTES}`,
      );
    }
    out.limits(min, Math.min(max, maxPages));
  }
  return out.section(SECTION.memory);
}

function rewriteSection(id: number, body: Reader, maxPages: number): Uint8Array | undefined {
  if (id === SECTION.import) return rewriteImports(body);
  if (id === SECTION.table) return rewriteTables(body);
  if (id === SECTION.memory) return rewriteMemories(body, maxPages);
  // A thrown exception lives on the host's heap, like a garbage-collected value.
  if (id === SECTION.tag) refuse("the module uses exception handling, which is not allowed");
  if (id === SECTION.type) checkTypes(body);
  return undefined;
}

/**
 * The same module with its limits lowered to ours.
 *
 * @param maxPages largest linear memory, in pages of 64 KiB
 * @throws PluginError `invalid_module` | `memory_limit`
 */
export function prepare(module: Uint8Array, maxPages: number): Uint8Array<ArrayBuffer> {
  if (!MAGIC.every((byte, at) => module[at] === byte)) {
    refuse("these bytes are not a WebAssembly module (version 1)");
  }
  const parts: Uint8Array[] = [module.subarray(0, MAGIC.length)];
  const reader = new Reader(module, MAGIC.length, module.length);
  while (reader.position < reader.end) {
    const start = reader.position;
    const id = reader.byte();
    const body = reader.take(reader.u32());
    const from = body.byteOffset - module.byteOffset;
    const rewritten = rewriteSection(id, new Reader(module, from, from + body.length), maxPages);
    parts.push(rewritten ?? module.subarray(start, reader.position));
  }
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
