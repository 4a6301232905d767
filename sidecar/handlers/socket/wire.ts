/**
 * Version 2 of the runtime's socket protocol as bytes, big-endian:
 * `u32 length of the rest | u8 type | u8 flags = 0 | u16 0 | u32 call | u32 head length | head | body`.
 */

import { InvalidAnswer } from "../handler.ts";

/** What a version 2 client writes first; a version 1 runtime would read it as a length of 1.1 GB. */
export const PREAMBLE: Uint8Array = new TextEncoder().encode("ASYA/2\r\n");

/** Frame types; those below 0x80 go to the runtime. */
export const TYPE = {
  HELLO: 0x01,
  CALL: 0x02,
  CANCEL: 0x03,
  PING: 0x05,
  WELCOME: 0x81,
  FRAME: 0x82,
  PARTIAL: 0x83,
  END: 0x84,
  ERROR: 0x85,
  PONG: 0x86,
  LOADING: 0x87,
} as const;

/** A body up to this size is copied, so that the frame is one write. */
export const GATHER_BYTES = 64 * 1024;

/** Bytes from a frame's first to its head's first. */
export const HEADER_BYTES = 16;

/** One frame as it arrived. */
export interface WireFrame {
  readonly type: number;
  /** The call that it belongs to; 0 for the connection itself. */
  readonly call: number;
  /** UTF-8 JSON object; only valid until the next read. */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/** A frame's bytes, as one piece or, where the body is large, as two without copying it. */
export function packFrame(
  type: number,
  call: number,
  head: Uint8Array,
  body: Uint8Array,
): readonly Uint8Array[] {
  const whole = body.length <= GATHER_BYTES;
  const front = HEADER_BYTES + head.length;
  const bytes = new Uint8Array(whole ? front + body.length : front);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, front - 4 + body.length);
  view.setUint8(4, type);
  view.setUint32(8, call);
  view.setUint32(12, head.length);
  bytes.set(head, HEADER_BYTES);
  if (!whole) return [bytes, body];
  bytes.set(body, front);
  return [bytes];
}

const decoder = new TextDecoder();

/**
 * The members of a frame's head.
 * @throws InvalidAnswer when it is not a JSON object
 */
export function parseHead(head: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(head));
  } catch (cause) {
    throw new InvalidAnswer("the runtime sent a frame whose head is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidAnswer("the runtime sent a frame whose head is not a JSON object");
  }
  return value as Record<string, unknown>;
}

let lastCall = 0;

/** A call number, unique over all connections of this process as far as 32 bits go; never 0. */
export function nextCall(): number {
  lastCall = lastCall === 0xffff_ffff ? 1 : lastCall + 1;
  return lastCall;
}
