/**
 * How a body travels in a message that takes only text: as it is where it may, else as base64 with
 * an attribute that says so.
 */

import { Buffer } from "node:buffer";
import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";

/** Message attributes of ours, by what they say. */
export const ATTRIBUTE = {
  /** `base64`: the body is not plain text. */
  encoding: "asya-encoding",
  /** Not to be handled before this time, in ms since 1970. */
  due: "asya-due",
  /** Why a dead letter is one. */
  reason: "asya-reason",
  /** Whose dead letter it is, for queues that several actors share. */
  actor: "asya-actor",
} as const;

/** Attributes as names and texts. */
export type Attributes = Readonly<Record<string, string>>;

/** A message as the service takes it. */
export interface Wire {
  readonly text: string;
  readonly attributes: Attributes;
  /** What it counts for in the service's limits. */
  readonly bytes: number;
}

const BASE64 = "base64";
/** The service takes no empty text; in base64 this is nothing. */
const NOTHING = "=";

/** Everything but tab, line feed, carriage return, and U+0020 on without surrogates, U+FFFE, U+FFFF. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The body as text; undefined where the service would refuse it. */
function plainText(body: Uint8Array): string | undefined {
  if (body.length === 0) return undefined;
  try {
    const text = decoder.decode(body);
    return FORBIDDEN.test(text) ? undefined : text;
  } catch (error) {
    if (error instanceof TypeError) return undefined; // not UTF-8
    throw error;
  }
}

/** What attributes count for: names, types, values. */
function sizeOf(attributes: Attributes): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(attributes)) {
    bytes += name.length + "String".length + encoder.encode(value).length;
  }
  return bytes;
}

/** Puts a body into a message; `binary` does so in base64 whatever it holds. */
export function encode(body: Uint8Array, attributes: Attributes = {}, binary = false): Wire {
  const plain = binary ? undefined : plainText(body);
  if (plain !== undefined) {
    return { text: plain, attributes, bytes: body.length + sizeOf(attributes) };
  }
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const text = bytes.toString(BASE64) || NOTHING;
  const all = { ...attributes, [ATTRIBUTE.encoding]: BASE64 };
  return { text, attributes: all, bytes: text.length + sizeOf(all) };
}

/** The largest body that goes into a message of `limit` bytes the way `wire` went. */
export function largestBody(wire: Wire, limit: number): number {
  const room = Math.max(0, limit - sizeOf(wire.attributes));
  return wire.attributes[ATTRIBUTE.encoding] === BASE64 ? Math.floor(room / 4) * 3 : room;
}

/** The attributes as the service's client takes them. */
export function toAttributes(attributes: Attributes): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, StringValue]) => [
      name,
      { DataType: "String", StringValue },
    ]),
  );
}

/** An attribute of a received message. */
export function attributeOf(message: Message, name: string): string | undefined {
  return message.MessageAttributes?.[name]?.StringValue;
}

/** The body that a received message carries. */
export function decode(message: Message): Uint8Array {
  const { Body = "" } = message;
  const encoded = attributeOf(message, ATTRIBUTE.encoding) === BASE64;
  return encoded ? new Uint8Array(Buffer.from(Body, BASE64)) : encoder.encode(Body);
}

/** A text cut to what an attribute may hold; undefined when nothing is left. */
export function attributeText(text: string, maxBytes: number): string | undefined {
  const clean = text.replaceAll(new RegExp(FORBIDDEN, "gu"), "\u{FFFD}");
  const cut = encoder.encode(clean).subarray(0, Math.max(0, maxBytes));
  return new TextDecoder().decode(cut, { stream: true }) || undefined;
}
