/** Deadlines: RFC 3339 texts, read strictly, and the time that is left. */

import type { Envelope } from "./envelope.ts";
import { EnvelopeError } from "./failure.ts";

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * Milliseconds since 1970 of an RFC 3339 text (section 5.6), or `undefined` where it is none:
 * there is no 30 February, and the offset is not optional. A leap second counts as the next one.
 */
export function parseTimestamp(text: string): number | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return undefined;
  const field = (index: number) => Number(match[index] ?? 0);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(field) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || field(9) > 23 || field(10) > 59) return undefined;
  const offset = (field(9) * 60 + field(10)) * 60_000 * (match[8] === "-" ? -1 : 1);
  const fraction = Number((match[7] ?? ".").slice(1, 4).padEnd(3, "0"));
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - offset;
}

/**
 * Milliseconds from `now` (since 1970) to the envelope's deadline: 0 or less when it is past,
 * `Infinity` without one.
 *
 * @throws EnvelopeError msg_parsing_error for a deadline that is not RFC 3339; a parsed envelope
 * has none such
 *
 * @example
 * ```ts
 * import { msLeft, parseEnvelope } from "@asya/envelope";
 * const envelope = parseEnvelope(new TextEncoder().encode(
 *   '{"id":"e-1","route":{"actors":["prep"]},"payload":1,"deadline":"2026-01-01T00:00:10Z"}',
 * ));
 * if (msLeft(envelope, Date.UTC(2026, 0, 1)) !== 10_000) throw new Error("wrong time");
 * ```
 */
export function msLeft(e: Envelope, now: number): number {
  if (e.deadline === undefined) return Infinity;
  const at = parseTimestamp(e.deadline);
  if (at === undefined) {
    throw new EnvelopeError("msg_parsing_error", "deadline must be an RFC 3339 time");
  }
  return at - now;
}
