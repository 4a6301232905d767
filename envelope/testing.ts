/** What this room's tests share: short forms, and generators of JSON texts. */

import fc from "fast-check";
import type { Envelope, Frame } from "./envelope.ts";
import { EnvelopeError, type ErrorCode } from "./failure.ts";
import { parseEnvelope } from "./parse.ts";

/** Text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes as text. */
export function text(json: Uint8Array): string {
  return new TextDecoder().decode(json);
}

/** An envelope at the first of the actors prep, infer, post, with other members where given. */
export function envelope(members: Readonly<Record<string, unknown>> = {}): Envelope {
  const route = { actors: ["prep", "infer", "post"], current: 0 };
  return parseEnvelope(bytes(JSON.stringify({ id: "e-1", route, payload: { a: 1 }, ...members })));
}

/** A frame as a version 1 handler answers it. */
export function frame(payload: unknown, members: Readonly<Record<string, unknown>> = {}): Frame {
  const raw = Object.entries(members).map(([name, value]) => [name, JSON.stringify(value)]);
  return { payload: bytes(JSON.stringify(payload)), ...Object.fromEntries(raw) };
}

/** Whether an error is an `EnvelopeError` of this code whose message matches. */
export function isError(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof EnvelopeError)) return false;
    if (error.code !== code || !message.test(error.message)) {
      throw new Error(`expected ${code} ${message}, got ${error.code}: ${error.message}`);
    }
    return true;
  };
}

const space = fc.stringMatching(/^[ \t\n\r]{0,2}$/);
const number = fc.oneof(
  fc.constantFrom("9007199254740993", "1e400", "-0", "-0.0E+00", "1.0", "0.1e-7", "7".repeat(400)),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?$/),
);
const string = fc.oneof(
  fc.constantFrom('"\\ud800"', '"\\uDFFFx"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\u2028"', '"</a>"'),
  fc.string({ unit: "binary", maxLength: 12 }).map((value) => JSON.stringify(value)),
);

/** JSON texts with what parsing and printing would change: numbers, escapes, duplicates, spaces. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.tuple(
    space,
    fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom("null", "true", "false"),
      number,
      string,
      fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(",")} ]`),
      fc.array(fc.tuple(fc.oneof(fc.constant('"a"'), string), tie("value")), { maxLength: 4 })
        .map((members) => `{ ${members.map(([name, value]) => `${name} :${value}`).join(",")}}`),
    ),
    space,
  ).map((parts) => parts.join("")),
})).value;

/** The same without white space around it: what lies between a comma and the next. */
export const trimmedJson: fc.Arbitrary<string> = jsonText.map((json) =>
  json.replace(/^[ \t\n\r]+|[ \t\n\r]+$/g, "")
);
