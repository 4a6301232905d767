/**
 * Takes JSON objects and arrays apart without building values: where each member lies, as bytes.
 * What is not needed is never decoded, and what is passed on is passed on as it was written.
 */

import { Buffer } from "node:buffer";
import type { JsonText } from "./envelope.ts";
import { EnvelopeError } from "./failure.ts";
import { nameEnd, skipSpace, stringEnd, syntaxError, valueEnd } from "./scan.ts";

/** One member of a JSON object. */
export interface Member {
  /** The name, escapes decoded. */
  readonly name: string;
  /** Index of the value's first byte. */
  readonly start: number;
  /** Index behind the value's last byte. */
  readonly end: number;
}

/** Bounds on what {@linkcode scanObject} and {@linkcode scanArray} accept; none by default. */
export interface ScanOptions {
  /** Levels of nesting, the outermost object or array included. */
  readonly maxDepth?: number;
  /** Members or elements; one more is a `resource_limit`. */
  readonly maxItems?: number;
  /** Bytes outside the `payload` member; one more is a `resource_limit`. */
  readonly maxHeadBytes?: number;
  /** Name of the member that neither `maxDepth` nor `maxHeadBytes` applies to. */
  readonly payload?: string;
  /** Accept several members of one name; otherwise they are refused. */
  readonly duplicates?: boolean;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** A name or text for a message: quoted and of bounded length. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}

/**
 * JSON bytes as text.
 *
 * @throws EnvelopeError msg_parsing_error where the bytes are not UTF-8
 */
export function decodeJson(json: Uint8Array, what: string): JsonText {
  // A short text costs a TextDecoder 1 us, a Buffer a tenth of that.
  if (isAscii(json)) {
    return Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString("latin1");
  }
  try {
    return decoder.decode(json);
  } catch (cause) {
    throw new EnvelopeError("msg_parsing_error", `${what} is not valid UTF-8`, { cause });
  }
}

/** JSON text as bytes. */
export function encodeJson(text: JsonText): Uint8Array {
  return encoder.encode(text);
}

function nameAt(json: Uint8Array, start: number, end: number): string {
  const text = decodeJson(json.subarray(start + 1, end - 1), "a member's name");
  return text.includes("\\") ? JSON.parse(`"${text}"`) : text;
}

function tooMany(what: string, limit: number): EnvelopeError {
  return new EnvelopeError("resource_limit", `more than ${limit} ${what}`);
}

/** The object that starts at `at`: its members, and the index behind its closing brace. */
export function objectAt(
  json: Uint8Array,
  at: number,
  options: ScanOptions = {},
): { members: Member[]; end: number } {
  const { maxDepth = Infinity, maxItems = Infinity, maxHeadBytes = Infinity, payload } = options;
  if (json[at] !== OPEN_OBJECT) throw syntaxError(json, at, "an object");
  const members: Member[] = [];
  const names = new Set<string>();
  let headStart = at; // moved forward over the payload, so that `at - headStart` is the head
  at = skipSpace(json, at + 1);
  if (json[at] === CLOSE_OBJECT) return { members, end: at + 1 };
  for (;;) {
    const valueAt = nameEnd(json, at);
    const name = nameAt(json, at, stringEnd(json, at));
    if (!options.duplicates && names.has(name)) {
      const message = `the member ${shown(name)} is there twice`;
      throw new EnvelopeError("msg_parsing_error", message);
    }
    names.add(name);
    const start = skipSpace(json, valueAt);
    const end = valueEnd(json, start, name === payload ? Infinity : maxDepth - 1);
    members.push({ name, start, end });
    if (name === payload) headStart += end - start;
    at = skipSpace(json, end);
    if (at - headStart >= maxHeadBytes) throw tooMany("bytes outside the payload", maxHeadBytes);
    if (members.length > maxItems) throw tooMany("members", maxItems);
    if (json[at] === CLOSE_OBJECT) return { members, end: at + 1 };
    if (json[at] !== COMMA) throw syntaxError(json, at, "',' or '}'");
    at = skipSpace(json, at + 1);
  }
}

/**
 * Walks over the array that is the whole of `json`; `read` is called with the index of each
 * element's first byte and returns the index behind its last one.
 */
export function walkArray(json: Uint8Array, maxItems: number, read: (at: number) => number): void {
  let at = skipSpace(json, 0);
  if (json[at] !== OPEN_ARRAY) throw syntaxError(json, at, "an array");
  at = skipSpace(json, at + 1);
  if (json[at] === CLOSE_ARRAY) return expectEnd(json, at + 1);
  for (let count = 1;; count++) {
    if (count > maxItems) throw tooMany("elements", maxItems);
    at = skipSpace(json, read(at));
    if (json[at] === CLOSE_ARRAY) return expectEnd(json, at + 1);
    if (json[at] !== COMMA) throw syntaxError(json, at, "',' or ']'");
    at = skipSpace(json, at + 1);
  }
}

function expectEnd(json: Uint8Array, at: number): void {
  at = skipSpace(json, at);
  if (at < json.length) throw syntaxError(json, at, "nothing more");
}

/**
 * Whether the whole of `json` is `null`.
 *
 * @throws EnvelopeError msg_parsing_error for a word that only begins like it
 */
export function isNull(json: Uint8Array): boolean {
  const at = skipSpace(json, 0);
  return json[at] === 0x6e && skipSpace(json, valueEnd(json, at, 0)) === json.length;
}

/**
 * Where each member's value of the object in `json` lies, in their order. The whole text is
 * validated; bytes inside strings of values are not checked for UTF-8.
 *
 * @throws EnvelopeError msg_parsing_error for anything but one JSON object, for a name that is
 * there twice (escapes decoded) or not UTF-8, for nesting beyond `maxDepth`; resource_limit beyond
 * the other bounds
 *
 * @example
 * ```ts
 * import { scanObject } from "@asya/envelope";
 * const json = new TextEncoder().encode('{"a": 1e400, "b": [2]}');
 * const [a] = scanObject(json);
 * const text = new TextDecoder().decode(json.subarray(a!.start, a!.end));
 * if (text !== "1e400") throw new Error("the digits changed");
 * ```
 */
export function scanObject(json: Uint8Array, options: ScanOptions = {}): Member[] {
  const { members, end } = objectAt(json, skipSpace(json, 0), options);
  expectEnd(json, end);
  return members;
}

/**
 * The elements of the array in `json`, each as the bytes between the commas without white space.
 *
 * @throws EnvelopeError msg_parsing_error for anything but one JSON array, resource_limit for more
 * than `maxItems` elements
 */
export function scanArray(json: Uint8Array, options: ScanOptions = {}): Uint8Array[] {
  const { maxDepth = Infinity, maxItems = Infinity } = options;
  const elements: Uint8Array[] = [];
  walkArray(json, maxItems, (at) => {
    const end = valueEnd(json, at, maxDepth - 1);
    elements.push(json.subarray(at, end));
    return end;
  });
  return elements;
}

/**
 * The members of the object in `json` as text.
 *
 * @throws EnvelopeError as {@linkcode scanObject}, and where a value is not UTF-8
 */
export function readMembers(
  json: Uint8Array,
  what: string,
  options: ScanOptions = {},
): Map<string, JsonText> {
  if (json[skipSpace(json, 0)] !== OPEN_OBJECT) {
    throw new EnvelopeError("msg_parsing_error", `${what} must be an object`);
  }
  const members = new Map<string, JsonText>();
  for (const { name, start, end } of scanObject(json, options)) {
    members.set(name, decodeJson(json.subarray(start, end), what));
  }
  return members;
}

/** Members as one JSON object. */
export function writeMembers(members: Iterable<readonly [string, JsonText]>): JsonText {
  let text = "{";
  for (const [name, value] of members) {
    text += `${text.length > 1 ? "," : ""}${JSON.stringify(name)}:${value}`;
  }
  return `${text}}`;
}

/**
 * A JSON string's value.
 *
 * @throws EnvelopeError msg_parsing_error where `text` is another kind of value
 */
export function readString(text: JsonText, what: string): string {
  if (!text.startsWith('"')) {
    throw new EnvelopeError("msg_parsing_error", `${what} must be a string`);
  }
  return JSON.parse(text);
}
