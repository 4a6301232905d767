/** An error envelope that no queue takes, made small. */

import { Buffer } from "node:buffer";
import type { Envelope } from "./envelope.ts";
import { errorPayload } from "./error_envelope.ts";
import { attempt } from "./failure.ts";
import { encodeJson, scanObject } from "./json.ts";
import { shortHash } from "./names.ts";

const QUOTE = 0x22;

function membersOf(json: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const members = attempt(() => scanObject(json, { duplicates: true, maxItems: 1_000 })) ?? [];
  return new Map(members.map(({ name, start, end }) => [name, json.subarray(start, end)]));
}

function stringIn(json: Uint8Array | undefined): string | undefined {
  return json?.[0] === QUOTE ? JSON.parse(new TextDecoder().decode(json)) : undefined;
}

/** The start of a text whose JSON form has at most `maxBytes` bytes. */
function cutText(text: string, maxBytes: number): string {
  let cut = text.slice(0, maxBytes).toWellFormed();
  while (Buffer.byteLength(JSON.stringify(cut)) > maxBytes) {
    cut = cut.slice(0, Math.floor(cut.length * 0.8)).toWellFormed();
  }
  return cut;
}

const NOTHING = new Uint8Array(0);

/**
 * The error envelope cut to what fits anywhere. Of `details` message, type and retry are left, in
 * 1 KiB, and `cut`, the bytes that they had; `original_payload` becomes `{"bytes", "sha256"}` of
 * what it was.
 */
export function cutErrorEnvelope(e: Envelope): Envelope {
  const values = membersOf(e.payload);
  const details = values.get("details");
  const code = stringIn(values.get("error"));
  const inner = membersOf(details ?? NOTHING);
  const left: Record<string, string | number> = { cut: details?.length ?? 0 };
  for (const [name, most] of [["message", 600], ["type", 150], ["retry", 150]] as const) {
    const text = stringIn(inner.get(name));
    if (text !== undefined) left[name] = cutText(text, most);
  }
  const original = code === undefined ? e.payload : values.get("original_payload");
  const summary = original && { bytes: original.length, sha256: shortHash(original, 64) };
  return {
    ...e,
    payload: errorPayload(
      cutText(code ?? "resource_limit", 256),
      JSON.stringify(left),
      summary && encodeJson(JSON.stringify(summary)),
    ),
  };
}
