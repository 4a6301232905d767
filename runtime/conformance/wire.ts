/**
 * The bytes of both protocol versions, written from PROTOCOL.md alone: a codec shared with a sidecar
 * would share its mistakes.
 */

import { Fault } from "./fault.ts";

/** What begins a version 2 connection. */
export const PREAMBLE: Uint8Array = new TextEncoder().encode("ASYA/2\r\n");

/** Frame types by name. */
export const TYPE = {
  HELLO: 0x01,
  CALL: 0x02,
  CANCEL: 0x03,
  DRAIN: 0x04,
  PING: 0x05,
  WELCOME: 0x81,
  FRAME: 0x82,
  PARTIAL: 0x83,
  END: 0x84,
  ERROR: 0x85,
  PONG: 0x86,
  LOADING: 0x87,
} as const;

/** Bytes before a frame's head. */
export const HEADER_BYTES = 16;

/** One version 2 frame as it arrived, its header checked. */
export interface Frame {
  readonly type: number;
  readonly call: number;
  readonly head: Readonly<Record<string, unknown>>;
  readonly headText: string;
  readonly body: Uint8Array;
}

/** What of a frame's header is to be wrong. */
export interface Wrong {
  readonly flags?: number;
  readonly zero?: number;
  /** Instead of the true length of what follows the first field. */
  readonly rest?: number;
  /** Instead of the true length of the head. */
  readonly headLength?: number;
}

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 of a text; bytes as they are. */
export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** Text of strict UTF-8. @throws Fault */
export function textOf(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw new Fault("UTF-8", hex(bytes));
  }
}

/** The value of a JSON text. @throws Fault */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault("JSON", text.slice(0, 300));
  }
}

/** Glues byte arrays. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One version 2 frame. A head that is a string is taken as it is. */
export function packFrame(
  type: number,
  call: number,
  head: string | Record<string, unknown> = {},
  body: string | Uint8Array = "",
  wrong: Wrong = {},
): Uint8Array {
  const headBytes = bytesOf(typeof head === "string" ? head : JSON.stringify(head));
  const bodyBytes = bytesOf(body);
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, wrong.rest ?? 12 + headBytes.length + bodyBytes.length);
  view.setUint8(4, type);
  view.setUint8(5, wrong.flags ?? 0);
  view.setUint16(6, wrong.zero ?? 0);
  view.setUint32(8, call);
  view.setUint32(12, wrong.headLength ?? headBytes.length);
  return concat(header, headBytes, bodyBytes);
}

/** A version 1 message. */
export function packMessage(message: string | Uint8Array): Uint8Array {
  const body = bytesOf(message);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, body.length);
  return concat(length, body);
}

/** Sizes that a frame's header tells; `total` counts the header. @throws Fault where it is wrong */
export function readHeader(header: Uint8Array): { total: number; headLength: number } {
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
  const rest = view.getUint32(0);
  const headLength = view.getUint32(12);
  if (view.getUint8(5) !== 0 || view.getUint16(6) !== 0 || rest < 12 + headLength) {
    throw new Fault("a frame with flags 0, then 0, and a head within its length", hex(header));
  }
  return { total: 4 + rest, headLength };
}

/** The frame that `bytes` is all of. @throws Fault */
export function readFrame(bytes: Uint8Array): Frame {
  const { headLength } = readHeader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const headText = textOf(bytes.subarray(HEADER_BYTES, HEADER_BYTES + headLength));
  const head = jsonOf(headText);
  if (typeof head !== "object" || head === null || Array.isArray(head)) {
    throw new Fault("a head that is a JSON object", headText.slice(0, 300));
  }
  return {
    type: view.getUint8(4),
    call: view.getUint32(8),
    head: head as Record<string, unknown>,
    headText,
    body: bytes.slice(HEADER_BYTES + headLength),
  };
}

/** A frame in words. */
export function describeFrame(frame: Frame): string {
  const name = Object.entries(TYPE).find(([, type]) => type === frame.type)?.[0] ??
    `type ${frame.type}`;
  const body = frame.body.length === 0 ? "" : ` + ${hex(frame.body)}`;
  return `${name} call ${frame.call} ${frame.headText.slice(0, 300)}${body}`;
}

/** The first bytes in hexadecimal, and how many there are in all. */
export function hex(bytes: Uint8Array, most = 64): string {
  const shown = Array.from(bytes.subarray(0, most), (byte) => byte.toString(16).padStart(2, "0"));
  const more = bytes.length > most ? ` ... (${bytes.length} bytes)` : "";
  return shown.join(" ") + more;
}
