/** Names on the wire: which are legal, and how an id becomes a file name or an object key. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** Longest id, in bytes of UTF-8. */
export const MAX_ID_BYTES = 256;

const ACTOR_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/**
 * Whether an actor may be called this: a DNS label (RFC 1123) of at most 63 characters that does
 * not end in `-dlq`, which names dead-letter queues.
 */
export function isActorName(name: string): boolean {
  return name.length <= 63 && ACTOR_NAME.test(name) && !name.endsWith("-dlq");
}

/** Whether an envelope may have this id: not empty, well-formed Unicode, at most 256 bytes. */
export function isEnvelopeId(id: string): boolean {
  return id.length > 0 && id.length <= MAX_ID_BYTES && id.isWellFormed() &&
    Buffer.byteLength(id) <= MAX_ID_BYTES;
}

/** The first `digits` hexadecimal digits of the SHA-256 of `data`. */
export function shortHash(data: string | Uint8Array, digits: number): string {
  return createHash("sha256").update(data).digest("hex").slice(0, digits);
}

/**
 * The id of an envelope whose own id cannot be read: `bad-` and 32 hexadecimal digits of the body's
 * SHA-256, so that the same body gets the same id again.
 */
export function malformedId(body: Uint8Array): string {
  return `bad-${shortHash(body, 32)}`;
}

/**
 * Keeps an id within 256 bytes: a longer one becomes its first 180 bytes, cut between characters,
 * `-`, and 16 hexadecimal digits of the whole id's SHA-256.
 */
export function boundedId(id: string): string {
  if (Buffer.byteLength(id) <= MAX_ID_BYTES) return id;
  const bytes = Buffer.from(id);
  let cut = 180;
  while ((bytes[cut]! & 0xc0) === 0x80) cut--; // not inside a character
  return `${bytes.toString("utf8", 0, cut)}-${shortHash(bytes, 16)}`;
}

const SAFE = /[A-Za-z0-9_.-]/;

/**
 * An id as a file name or the last part of an object key: every byte but `A-Z a-z 0-9 _ . -` is
 * percent-encoded, and so is a dot at the start. What would be longer than 200 characters is cut to
 * at most 180 and followed by `~` and 32 hexadecimal digits of the id's SHA-256, because a file name
 * holds 255 bytes. Different ids give different names.
 *
 * @example
 * ```ts
 * import { encodeId } from "@asya/envelope";
 * if (encodeId("../a b") !== "%2E.%2Fa%20b") throw new Error("not safe as a file name");
 * ```
 */
export function encodeId(id: string): string {
  let name = "";
  let head = ""; // at most 180 characters that do not end inside an escape
  for (const byte of Buffer.from(id)) {
    const char = String.fromCharCode(byte);
    const plain = SAFE.test(char) && !(name === "" && char === ".");
    name += plain ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    if (name.length <= 180) head = name;
  }
  return name.length <= 200 ? name : `${head}~${shortHash(id, 32)}`;
}
