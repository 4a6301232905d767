/**
 * Several frames from one envelope: ids and the header that says which is which. Everything is a
 * function of the input and the answer, so that the same answer given again has the same ids.
 */

import { createHash } from "node:crypto";
import type { Envelope, Frame, JsonText } from "./envelope.ts";
import { FANOUT_HEADER, hopsOf } from "./headers.ts";
import { encodeJson } from "./json.ts";
import { boundedId, shortHash } from "./names.ts";

/**
 * The id of frame `index` of a fan-out: frame 0 keeps the input's, the others of a lineage's first
 * fan-out are `<id>-<index>`, those of a later one
 * `<id>-<index>-<8 hex of SHA-256(id NUL hops NUL index)>`, because an envelope that keeps its id
 * may fan out again. `hops` is the input's hop count in decimal. An id over 256 bytes is shortened
 * as in {@linkcode boundedId}.
 */
export function childId(input: Envelope, index: number): string {
  const { id, headers } = input;
  if (index === 0) return id;
  if (!headers?.has(FANOUT_HEADER)) return boundedId(`${id}-${index}`);
  const hash = shortHash(`${id}\0${hopsOf(input)}\0${index}`, 8);
  return boundedId(`${id}-${index}-${hash}`);
}

/** How many fan-outs lie behind an envelope; one whose header cannot be read counts as 1. */
export function fanoutDepth(input: Envelope): number {
  const text = input.headers?.get(FANOUT_HEADER);
  if (text === undefined) return 0;
  const header: unknown = JSON.parse(text);
  if (typeof header !== "object" || header === null || !("depth" in header)) return 1;
  const { depth } = header;
  return typeof depth === "number" && Number.isInteger(depth) && depth > 0 ? depth : 1;
}

/** Absent is told from empty by a length that nothing has. */
const ABSENT = 0xffffffff;

/**
 * Which answer this is: 16 hex of the SHA-256 over its frames. Of each frame in order three fields,
 * payload, route, headers, as the handler wrote them; each field is its length in bytes (32 bits,
 * big-endian) and its bytes, an absent one the length 0xffffffff and nothing.
 */
export function answerHash(frames: readonly Frame[]): string {
  const hash = createHash("sha256");
  const length = new DataView(new ArrayBuffer(4));
  for (const { payload, route, headers } of frames) {
    for (const field of [payload, route, headers]) {
      const bytes = typeof field === "string" ? encodeJson(field) : field;
      length.setUint32(0, bytes?.length ?? ABSENT);
      hash.update(new Uint8Array(length.buffer));
      if (bytes) hash.update(bytes);
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/** The header {@linkcode FANOUT_HEADER} for each frame of a fan-out. */
export function fanoutHeaders(input: Envelope, frames: readonly Frame[]): JsonText[] {
  const answer = answerHash(frames);
  const depth = fanoutDepth(input) + 1;
  return frames.map((_, index) =>
    JSON.stringify({ parent: input.id, index, count: frames.length, depth, answer })
  );
}
