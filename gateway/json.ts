/**
 * JSON that passes through the gateway without losing digits: objects are taken apart as text, and
 * where values must be looked at, a number that JavaScript would change keeps its source text.
 */

import { EnvelopeError, type JsonText, scanObject } from "@asya/envelope";

/** Levels of nesting accepted in any body. */
export const MAX_DEPTH = 512;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * The members of the JSON object in `body`, each value as it was written.
 *
 * @throws EnvelopeError msg_parsing_error for anything but one UTF-8 JSON object without duplicate
 * names, at most {@linkcode MAX_DEPTH} levels deep
 */
export function readObject(body: Uint8Array): Map<string, JsonText> {
  const members = new Map<string, JsonText>();
  for (const { name, start, end } of scanObject(body, { maxDepth: MAX_DEPTH })) {
    try {
      members.set(name, decoder.decode(body.subarray(start, end)));
    } catch (cause) {
      throw new EnvelopeError("msg_parsing_error", "the body is not valid UTF-8", { cause });
    }
  }
  return members;
}

/** As {@linkcode readObject}, for text. */
export function readObjectText(text: JsonText): Map<string, JsonText> {
  return readObject(encoder.encode(text));
}

/** Names that need no escapes, as most have none. */
const PLAIN_NAME = /^[A-Za-z_]+$/;

/** A JSON object of the members that are not `undefined`. */
export function writeObject(members: Readonly<Record<string, JsonText | undefined>>): JsonText {
  let text = "";
  for (const name of Object.keys(members)) {
    const value = members[name];
    if (value === undefined) continue;
    const quoted = PLAIN_NAME.test(name) ? `"${name}"` : JSON.stringify(name);
    text += text === "" ? `${quoted}:${value}` : `,${quoted}:${value}`;
  }
  return `{${text}}`;
}

/** As `JSON.stringify`, but `undefined` stays `undefined` and counts as no text. */
export function jsonText(value: unknown): JsonText | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

/** A number whose text JavaScript would not print again: 9007199254740993, 1e400, 1.0. */
export interface RawNumber {
  readonly rawJSON: JsonText;
}

/** The parts of https://tc39.es/proposal-json-parse-with-source/ that lib.d.ts does not have yet. */
const json = JSON as unknown as {
  parse(
    text: JsonText,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: JsonText): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
};

/** Whether a value of {@linkcode parseExact} is a number with its own text. */
export const isRawNumber: (value: unknown) => value is RawNumber = json.isRawJSON;

/** A number that `JSON.stringify` prints with exactly these digits. */
export const rawNumber: (text: JsonText) => RawNumber = json.rawJSON;

/** Digits that JavaScript may change: long ones, fractions, exponents, minus zero. */
const DELICATE = /[0-9]{16}|[0-9][.eE]|-0/;

/**
 * As `JSON.parse`, but numbers that would change are {@linkcode RawNumber}, so that
 * `JSON.stringify` of the result has every digit. The caller bounds the depth first.
 */
export function parseExact(text: JsonText): unknown {
  if (!DELICATE.test(text)) return JSON.parse(text);
  return json.parse(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && String(value) !== source ? json.rawJSON(source!) : value,
  );
}
