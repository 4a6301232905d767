/**
 * The JSON grammar (RFC 8259) over bytes, without recursion: where does the value end that starts
 * here? Bytes above 0x7f are legal only inside strings and are not checked for UTF-8 there, so that
 * a payload passes through as it came.
 */

import { EnvelopeError } from "./failure.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const LITERALS = ["true", "false", "null"].map((word) => new TextEncoder().encode(word));
/** What other writers of "JSON" print for numbers that JSON does not have. */
const NO_NUMBERS = ["NaN", "Infinity", "-Infinity"].map((word) => new TextEncoder().encode(word));

function startsWith(json: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (json[at + i] !== word[i]) return false;
  return true;
}

/** The error for bytes that break the grammar; says where, what was expected and what was found. */
export function syntaxError(json: Uint8Array, at: number, expected: string): EnvelopeError {
  const byte = json[at];
  const found = byte === undefined
    ? "the end"
    : byte > 0x20 && byte < 0x7f
    ? `'${String.fromCharCode(byte)}'`
    : `byte 0x${byte.toString(16).padStart(2, "0")}`;
  const message = `invalid JSON at byte ${at}: expected ${expected}, found ${found}`;
  return new EnvelopeError("msg_parsing_error", message);
}

/** Index of the first byte at or after `at` that is not white space. */
export function skipSpace(json: Uint8Array, at: number): number {
  for (; at < json.length; at++) {
    const byte = json[at]!;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
  }
  return at;
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return (byte >= ZERO && byte <= NINE) || (lower >= 0x61 && lower <= 0x66);
}

function escapeEnd(json: Uint8Array, at: number): number {
  switch (json[at + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return at + 2;
    case 0x75: // u
      for (let i = at + 2; i < at + 6; i++) {
        if (!isHexDigit(json[i])) throw syntaxError(json, i, "a hexadecimal digit");
      }
      return at + 6;
    default:
      throw syntaxError(json, at + 1, "an escape character");
  }
}

/** So many bytes of a string are looked at one by one before it is worth while to take four. */
const SHORT = 32;
const EVERY_BYTE = 0x01010101;
const HIGH_BITS = 0x80808080 | 0;

/** Whether any of four bytes is a quote, a backslash or a control character. */
function isSpecial(word: number): boolean {
  const quote = word ^ (QUOTE * EVERY_BYTE);
  const backslash = word ^ (BACKSLASH * EVERY_BYTE);
  // Each term is set in the high bit of a byte that is 0, 0 and below 0x20.
  return (((quote - EVERY_BYTE) & ~quote | (backslash - EVERY_BYTE) & ~backslash |
    (word - 0x20 * EVERY_BYTE) & ~word) & HIGH_BITS) !== 0;
}

/** Index behind the string whose opening quote is at `at`. */
export function stringEnd(json: Uint8Array, at: number): number {
  if (json[at] !== QUOTE) throw syntaxError(json, at, "a string");
  const { length, buffer, byteOffset } = json;
  let words: Int32Array | undefined;
  at++;
  while (at < length) {
    // To where words of four bytes begin.
    const end = Math.min(length, (byteOffset + at + SHORT & ~3) - byteOffset);
    while (at < end) {
      const byte = json[at]!;
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at = escapeEnd(json, at);
      else if (byte >= 0x20) at++;
      else throw syntaxError(json, at, "no control character in a string");
    }
    if (at !== end || at === length) continue; // an escape went further
    words ??= new Int32Array(buffer, 0, byteOffset + length >> 2);
    let word = byteOffset + at >> 2;
    while (word < words.length && !isSpecial(words[word]!)) word++;
    at = 4 * word - byteOffset;
  }
  throw syntaxError(json, length, "the end of a string");
}

function digitsEnd(json: Uint8Array, at: number): number {
  const first = json[at];
  if (first === undefined || first < ZERO || first > NINE) throw syntaxError(json, at, "a digit");
  while (at < json.length && json[at]! >= ZERO && json[at]! <= NINE) at++;
  return at;
}

function numberEnd(json: Uint8Array, at: number): number {
  if (json[at] === MINUS) at++;
  at = json[at] === ZERO ? at + 1 : digitsEnd(json, at);
  if (json[at] === DOT) at = digitsEnd(json, at + 1);
  if (json[at] === 0x65 || json[at] === 0x45) { // e, E
    at++;
    if (json[at] === MINUS || json[at] === 0x2b) at++; // -, +
    at = digitsEnd(json, at);
  }
  return at;
}

function scalarEnd(json: Uint8Array, at: number): number {
  const byte = json[at];
  if (byte !== undefined && byte >= ZERO && byte <= NINE) return numberEnd(json, at);
  for (const word of NO_NUMBERS) {
    if (!startsWith(json, at, word)) continue;
    const shown = new TextDecoder().decode(word);
    throw new EnvelopeError(
      "msg_parsing_error",
      `invalid JSON at byte ${at}: ${shown} is no value`,
    );
  }
  if (byte === MINUS) return numberEnd(json, at);
  for (const word of LITERALS) if (startsWith(json, at, word)) return at + word.length;
  throw syntaxError(json, at, "a value");
}

/** Index behind the name that starts at `at` and the colon that follows it. */
export function nameEnd(json: Uint8Array, at: number): number {
  if (json[at] !== QUOTE) throw syntaxError(json, at, "a member's name");
  at = skipSpace(json, stringEnd(json, at));
  if (json[at] !== COLON) throw syntaxError(json, at, "':'");
  return at + 1;
}

/**
 * Index behind the value that starts at `at` (white space before it is skipped). Memory: one bit a
 * level of nesting, in small integers of 16.
 *
 * @throws EnvelopeError msg_parsing_error where the bytes break the grammar or nest deeper than
 * `maxDepth`
 */
export function valueEnd(json: Uint8Array, at: number, maxDepth: number): number {
  let depth = 0;
  const objects: number[] = []; // one bit a level: set = object, clear = array
  for (;;) {
    at = skipSpace(json, at);
    const byte = json[at];
    if (byte === QUOTE) {
      at = stringEnd(json, at);
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth >= maxDepth) {
        throw new EnvelopeError("msg_parsing_error", `JSON at byte ${at} is nested too deep`);
      }
      const inner = skipSpace(json, at + 1);
      if (json[inner] === (byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        at = inner + 1;
      } else {
        const word = depth >>> 4;
        const bit = 1 << (depth & 15);
        const bits = objects[word] ?? 0;
        objects[word] = byte === OPEN_OBJECT ? bits | bit : bits & ~bit;
        depth++;
        at = byte === OPEN_OBJECT ? nameEnd(json, inner) : inner;
        continue;
      }
    } else {
      at = scalarEnd(json, at);
    }
    // A value has ended: what follows depends on the innermost open container.
    for (;;) {
      if (depth === 0) return at;
      at = skipSpace(json, at);
      const level = depth - 1;
      const inObject = (objects[level >>> 4]! & (1 << (level & 15))) !== 0;
      const next = json[at];
      if (next === COMMA) {
        at = inObject ? nameEnd(json, skipSpace(json, at + 1)) : at + 1;
        break;
      }
      if (next !== (inObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        throw syntaxError(json, at, inObject ? "',' or '}'" : "',' or ']'");
      }
      depth--;
      at++;
    }
  }
}
