/** Bytes off a queue to an envelope: every bound is checked before anything is built from it. */

import { parseTimestamp } from "./deadline.ts";
import type { Envelope, JsonText, Status } from "./envelope.ts";
import { EnvelopeError } from "./failure.ts";
import { decodeJson, readMembers, readString, scanObject, shown } from "./json.ts";
import { DEFAULT_LIMITS, type EnvelopeLimits } from "./limits.ts";
import { isEnvelopeId, MAX_ID_BYTES } from "./names.ts";
import { readRoute } from "./route.ts";

/** Members that a writer may leave out or set to `null`. */
const OPTIONAL: ReadonlySet<string> = new Set(["parent_id", "headers", "deadline", "status"]);

const LETTER_N = 0x6e;

/** Reads an id and checks it. */
export function readId(text: JsonText): string {
  const id = readString(text, "id");
  if (isEnvelopeId(id)) return id;
  const message = `id must be 1 to ${MAX_ID_BYTES} bytes of well-formed text, got ${shown(id)}`;
  throw new EnvelopeError("msg_parsing_error", message);
}

function readDeadline(text: JsonText): string {
  const deadline = readString(text, "deadline");
  if (parseTimestamp(deadline) !== undefined) return deadline;
  const message = `deadline must be an RFC 3339 time such as 2026-01-01T00:00:00Z, got ${
    shown(deadline)
  }`;
  throw new EnvelopeError("msg_parsing_error", message);
}

/** Other writers keep members of their own in `status`; what is not an attempt count is ignored. */
function readStatus(json: Uint8Array): Status {
  const extra = readMembers(json, "status");
  const attempt = extra.get("attempt") ?? "";
  const first = extra.get("first_attempt_at");
  extra.delete("attempt");
  extra.delete("first_attempt_at");
  const firstAttemptAt: unknown = first === undefined ? undefined : JSON.parse(first);
  const known = typeof firstAttemptAt === "string" && parseTimestamp(firstAttemptAt) !== undefined;
  return {
    attempt: /^[1-9][0-9]{0,8}$/.test(attempt) ? Number(attempt) : 1,
    ...known ? { firstAttemptAt: firstAttemptAt as string } : {},
    extra,
  };
}

function missing(name: string): EnvelopeError {
  return new EnvelopeError("msg_parsing_error", `the envelope has no ${name}`);
}

type Mutable<T> = { -readonly [K in keyof T]?: T[K] };

/**
 * Reads an envelope. `payload` is a view into `body`, not a copy. `null` in an optional member
 * reads as absent.
 *
 * @throws EnvelopeError msg_parsing_error for anything that is no envelope; resource_limit where it
 * exceeds `maxBytes`, `maxHeadBytes` or `maxActors`
 *
 * @example
 * ```ts
 * import { parseEnvelope } from "@asya/envelope";
 * const body = new TextEncoder().encode('{"id":"e-1","route":{"actors":["prep"]},"payload":-0}');
 * const envelope = parseEnvelope(body);
 * if (new TextDecoder().decode(envelope.payload) !== "-0") throw new Error("the payload changed");
 * ```
 */
export function parseEnvelope(body: Uint8Array, limits: Partial<EnvelopeLimits> = {}): Envelope {
  const { maxBytes, maxHeadBytes, maxActors, maxDepth } = { ...DEFAULT_LIMITS, ...limits };
  if (body.length > maxBytes) {
    const message = `the envelope has ${body.length} bytes, more than ${maxBytes}`;
    throw new EnvelopeError("resource_limit", message);
  }
  const extra = new Map<string, JsonText>();
  const envelope: Mutable<Envelope> = {};
  for (
    const { name, start, end } of scanObject(body, { maxDepth, maxHeadBytes, payload: "payload" })
  ) {
    const json = body.subarray(start, end);
    const text = () => decodeJson(json, shown(name));
    if (name === "payload") envelope.payload = json;
    else if (name === "id") envelope.id = readId(text());
    else if (name === "route") envelope.route = readRoute(json, { maxActors });
    else if (!OPTIONAL.has(name)) extra.set(name, text());
    else if (json[0] === LETTER_N) continue; // null
    else if (name === "parent_id") envelope.parentId = readString(text(), "parent_id");
    else if (name === "headers") envelope.headers = readMembers(json, "headers");
    else if (name === "deadline") envelope.deadline = readDeadline(text());
    else envelope.status = readStatus(json);
  }
  const { id, route, payload } = envelope;
  if (id === undefined) throw missing("id");
  if (route === undefined) throw missing("route");
  if (payload === undefined) throw missing("payload");
  return { ...envelope, id, route, payload, extra };
}
