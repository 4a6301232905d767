/** What every handler's answer has to pass before it is one. */

import { EnvelopeError, scanArray, scanObject } from "@asya/envelope";
import { HandlerError, InvalidAnswer } from "./handler.ts";

/** Most frames of one answer. */
export const MAX_FRAMES = 10_000;

const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/**
 * Runs `read` over something that a handler sent.
 * @throws HandlerError with `resource_limit` when it has too much of something, InvalidAnswer when
 * it is not what it should be
 */
export function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof EnvelopeError)) throw cause;
    const { code, message } = cause;
    if (code === "resource_limit") throw new HandlerError({ code, message }, { cause });
    throw new InvalidAnswer(message, { cause });
  }
}

/**
 * Refuses bytes that are not exactly one JSON value: in an envelope they would break its frame.
 * @throws EnvelopeError
 */
export function checkJson(json: Uint8Array): void {
  if (json[0] === OPEN_OBJECT) {
    scanObject(json, { duplicates: true });
  } else if (json[0] === OPEN_ARRAY) {
    scanArray(json);
  } else if (scanArray(listOf(json)).length !== 1) {
    throw new EnvelopeError("processing_error", "a payload must be exactly one JSON value");
  }
}

/** The elements of an array of payloads. @throws EnvelopeError */
export function payloadsOf(json: Uint8Array): Uint8Array[] {
  return scanArray(json, { maxItems: MAX_FRAMES });
}

/** The value as the only element of an array. */
export function listOf(json: Uint8Array): Uint8Array {
  const list = new Uint8Array(json.length + 2);
  list[0] = OPEN_ARRAY;
  list.set(json, 1);
  list[list.length - 1] = CLOSE_ARRAY;
  return list;
}

/** Whether the value is an array, where it is one. */
export function isList(json: Uint8Array): boolean {
  return json[0] === OPEN_ARRAY;
}
