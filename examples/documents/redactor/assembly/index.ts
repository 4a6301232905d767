/**
 * Takes e-mail addresses, phone numbers and keys out of `title` and `text` of a document's section.
 * It works on the JSON as it is written, so that all else comes out as it came in: members that it
 * does not know, numbers of any length, escapes.
 */

import { fail, input, output } from "asya";
import { Count, redact } from "./redact";
import { Text } from "./text";
import { Writer } from "./writer";

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const COMMA: u8 = 0x2c;
const OPEN: u8 = 0x7b;
const CLOSE: u8 = 0x7d;

function skipSpace(json: Uint8Array, from: i32): i32 {
  let at = from;
  while (json[at] <= 0x20) at++;
  return at;
}

/** The end of the string that starts at `from`. */
function stringEnd(json: Uint8Array, from: i32): i32 {
  let at = from + 1;
  while (json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** The end of any value; objects and arrays are counted, not entered. */
function valueEnd(json: Uint8Array, from: i32): i32 {
  let depth = 0;
  let at = from;
  while (true) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = stringEnd(json, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN || byte === 0x5b) depth++;
    else if (byte === CLOSE || byte === 0x5d) {
      // The bracket of what is around a number, `true`, `false` or `null`.
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 0x20)) return at;
    at++;
  }
}

export function handle(): void {
  const json = input();
  let at = skipSpace(json, 0);
  if (json[at] !== OPEN) return fail("expected a JSON object", "TypeError");
  // A placeholder is never longer than 4/3 of what it stands for.
  const out = new Writer(json.length + json.length / 3 + 256);
  const count = new Count();
  out.text("{");
  at = skipSpace(json, at + 1);
  while (json[at] !== CLOSE) {
    const keyEnd = stringEnd(json, at);
    const key = new Text(json, at + 1, keyEnd - 1).toString();
    const from = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const to = valueEnd(json, from);
    if (key !== "redactions") {
      out.copy(json, at, from);
      if ((key === "title" || key === "text") && json[from] === QUOTE) {
        redact(new Text(json, from, to), out, count);
      } else out.copy(json, from, to);
      out.text(",");
    }
    at = skipSpace(json, to);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  out.text('"redactions":{"email":' + count.email.toString());
  out.text(',"phone":' + count.phone.toString());
  out.text(',"key":' + count.key.toString() + "}}");
  output(out.bytes());
}
