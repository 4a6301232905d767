/** How a call that has ended is answered: in the form of an MCP result, every digit as it was. */

import type { JsonText } from "@asya/envelope";
import type { StoredEnvelope } from "./envelopes/view.ts";
import { jsonText, readObjectText, writeObject } from "./json.ts";

/** A result as text: a JSON string without its quotes, anything else as JSON. */
function resultText(json: JsonText | undefined): string {
  if (json === undefined) return "";
  return json.startsWith('"') ? JSON.parse(json) : json;
}

function failureText({ record, result }: StoredEnvelope): string {
  const error = record.error ?? record.state;
  const details = result?.startsWith("{") ? readObjectText(result).get("details") : undefined;
  const message: unknown = details?.startsWith("{")
    ? JSON.parse(readObjectText(details).get("message") ?? "null")
    : undefined;
  return typeof message === "string" ? `${error}: ${message}` : error;
}

/** `{content, structuredContent?, isError?, _meta}`; the text of a failure has its code in front. */
export function endedText(found: StoredEnvelope): JsonText {
  const { record, result } = found;
  const succeeded = record.state === "succeeded";
  const text = succeeded ? resultText(result) : failureText(found);
  return writeObject({
    content: jsonText([{ type: "text", text }]),
    structuredContent: succeeded && result?.startsWith("{") ? result : undefined,
    isError: succeeded ? undefined : "true",
    _meta: jsonText({ envelope_id: record.id, status_url: `/envelopes/${record.id}` }),
  });
}
