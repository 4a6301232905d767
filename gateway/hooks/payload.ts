/** What an incoming request becomes for the first actor. */

import type { JsonText } from "@asya/envelope";
import { jsonText, readObject, writeObject } from "../json.ts";

/** Headers that are handed on with a body that is no JSON: what it is, never who may send it. */
const HANDED_ON = [
  /^content-type$/,
  /^user-agent$/,
  /^x-.*-(event|delivery|topic|id|type)$/,
  /^(ce|webhook)-[a-z0-9-]+$/,
];
const NEVER = /signature|token|secret|authorization|cookie/;
const MAX_HEADERS = 32;

/** The headers that are handed on. */
export function handedOn(headers: Headers): Record<string, string> {
  const found = [...headers].filter(([name]) =>
    !NEVER.test(name) && HANDED_ON.some((pattern) => pattern.test(name))
  );
  return Object.fromEntries(found.slice(0, MAX_HEADERS));
}

/** Whether a content type says JSON. */
export function isJson(contentType: string): boolean {
  return /^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(contentType.trim());
}

/**
 * A JSON body as it was written.
 *
 * @throws EnvelopeError msg_parsing_error where it is no JSON object
 */
export function jsonPayload(body: Uint8Array): JsonText {
  readObject(body); // refuses what is none
  return new TextDecoder().decode(body);
}

/** Any other body: `{text | body_base64, content_type, headers}`. */
export function wrappedPayload(body: Uint8Array<ArrayBuffer>, headers: Headers): JsonText {
  const text = asText(body);
  return writeObject({
    text: jsonText(text),
    body_base64: text === undefined ? jsonText(body.toBase64()) : undefined,
    content_type: jsonText(headers.get("content-type") ?? ""),
    headers: jsonText(handedOn(headers)),
  });
}

function asText(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch { // it is binary
    return undefined;
  }
}
