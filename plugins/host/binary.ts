/** The parts that WebAssembly's binary format is made of. */

import { PluginError } from "../plugin.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Sections of a module; ordinary ones have about twenty. */
export const MAX_SECTIONS = 1_000;

/** How a module begins: `\0asm`, then version 1 (modules) and layer 0 (not components). */
export const MODULE_HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const;

/** Whether bytes begin as a module does. */
export function isModule(bytes: Uint8Array): boolean {
  return MODULE_HEADER.every((byte, at) => bytes[at] === byte);
}

/** @throws PluginError `invalid_module`, always */
export function damaged(message: string): never {
  throw new PluginError("invalid_module", message);
}

/** Reads a module from front to back; every read is checked against the end. */
export class Reader {
  constructor(readonly bytes: Uint8Array, public position: number, readonly end: number) {}

  byte(): number {
    if (this.position >= this.end) damaged("the module is cut off or damaged");
    return this.bytes[this.position++]!;
  }

  /** An unsigned LEB128 number of at most 32 bits. */
  u32(): number {
    return this.#unsigned(5);
  }

  /** Steps over a LEB128 number of at most 64 bits. */
  skipNumber(): void {
    for (let n = 0; n < 10; n++) if (this.byte() < 0x80) return;
    damaged("the module holds a number that is too long");
  }

  #unsigned(bytes: number): number {
    let value = 0;
    for (let n = 0; n < bytes; n++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * n);
      if (byte < 0x80) return value;
    }
    return damaged("the module holds a number that is too long");
  }

  /** Steps over `length` bytes and returns them. */
  take(length: number): Uint8Array {
    if (length > this.end - this.position) damaged("the module is cut off or damaged");
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
    if (form === 0x63 || form === 0x64) this.u32();
  }

  /** Smallest and largest size of a memory or table; `plain`: neither shared nor 64-bit. */
  limits(): { min: number; max: number; plain: boolean } {
    const flags = this.byte();
    const bytes = flags & 0x04 ? 10 : 5;
    const min = this.#unsigned(bytes);
    return { min, max: flags & 1 ? this.#unsigned(bytes) : Infinity, plain: flags <= 1 };
  }
}

/** Collects the bytes of one rewritten section. */
export class Writer {
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
