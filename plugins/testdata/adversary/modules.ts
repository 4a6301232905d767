/** Modules that no assembler writes: too large, or damaged. */

import { Reader } from "../../host/binary.ts";

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** A module of this size; its bulk is one custom section of zeroes. */
export function hugeModule(bytes: number): Uint8Array<ArrayBuffer> {
  const module = new Uint8Array(bytes);
  module.set(MAGIC);
  const head = MAGIC.length + 6;
  const size = bytes - head;
  const length = [0, 7, 14, 21].map((shift) => size >>> shift & 0x7f | 0x80);
  module.set([0, ...length, size >>> 28], MAGIC.length);
  return module;
}

/** Where each section of a module begins, and where the last one ends. */
export function sectionEdges(module: Uint8Array): number[] {
  const reader = new Reader(module, MAGIC.length, module.length);
  const edges = [MAGIC.length];
  while (reader.position < reader.end) {
    reader.byte();
    reader.take(reader.u32());
    edges.push(reader.position);
  }
  return edges;
}
