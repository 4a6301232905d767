/** What `error-end` receives: why an envelope failed, with everything that is needed to try again. */

import { wrapped } from "./encode.ts";
import type { Envelope, JsonMembers, JsonText } from "./envelope.ts";
import type { Failure } from "./failure.ts";
import { encodeJson, readMembers, writeMembers } from "./json.ts";

/** The handler's own details, with what they do not say themselves. */
function detailsJson(failure: Failure, retry: string | undefined): JsonText {
  const { message, type, mro, traceback } = failure;
  const own: JsonMembers = failure.details === undefined
    ? new Map()
    : readMembers(encodeJson(failure.details), "details", { duplicates: true });
  const added = Object.entries({ message, type, traceback, mro })
    .filter(([name, value]) => value !== undefined && !own.has(name))
    .map(([name, value]): [string, JsonText] => [name, JSON.stringify(value)]);
  if (retry !== undefined) added.push(["retry", JSON.stringify(retry)]);
  if (added.length === 0 && failure.details !== undefined) return failure.details;
  return writeMembers(new Map([...own, ...added]));
}

/** `{"error", "details", "original_payload"}`; the last one only where there is one. */
export function errorPayload(
  code: string,
  details: JsonText,
  original: Uint8Array | undefined,
): Uint8Array {
  const start = `{"error":${JSON.stringify(code)},"details":${details}`;
  if (original === undefined) return encodeJson(`${start}}`);
  return wrapped(`${start},"original_payload":`, original, "}");
}

/**
 * The envelope for `error-end`: as the failing actor received it, but for `status`, with the payload
 * `{"error", "details", "original_payload"}`.
 *
 * @param note `retry` goes to `details.retry`: why it was not tried again
 * @throws EnvelopeError msg_parsing_error where `failure.details` is not a JSON object
 */
export function errorEnvelope(
  input: Envelope,
  failure: Failure,
  note: { readonly retry?: string } = {},
): Envelope {
  const { status: _, ...kept } = input;
  const details = detailsJson(failure, note.retry);
  return { ...kept, payload: errorPayload(failure.code, details, input.payload) };
}
