/** A body that is no envelope: what becomes of it, so that nothing of it is lost. */

import { Buffer } from "node:buffer";
import type { Envelope, Route } from "./envelope.ts";
import { errorPayload } from "./error_envelope.ts";
import { attempt, type EnvelopeError } from "./failure.ts";
import { decodeJson, readMembers, readString, scanObject } from "./json.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { malformedId } from "./names.ts";
import { readId } from "./parse.ts";
import { readRoute } from "./route.ts";

/** Largest body that is not a JSON object and still goes to `error-end`, in bytes. */
const MAX_WRAPPED_BYTES = 64 * 2 ** 10;

/** Members of an object by name; of a name that is there twice, none. */
type Values = ReadonlyMap<string, Uint8Array>;

/** `undefined` where the bytes are no JSON object within limits. */
function valuesOf(json: Uint8Array): Values | undefined {
  const { maxBytes, maxHeadBytes } = DEFAULT_LIMITS;
  if (json.length > maxBytes) return undefined;
  const options = { payload: "payload", maxHeadBytes, duplicates: true };
  const members = attempt(() => scanObject(json, options));
  if (members === undefined) return undefined;
  const values = new Map<string, Uint8Array>();
  const seen = new Set<string>();
  for (const { name, start, end } of members) {
    if (seen.has(name)) values.delete(name);
    else values.set(name, json.subarray(start, end));
    seen.add(name);
  }
  return values;
}

/**
 * The envelope for `error-end` that stands for a body which could not be parsed. A JSON object
 * within limits becomes `original_payload` as it is; any other body of at most 64 KiB goes into
 * `details.body_base64`. The object's own id, parent_id, route and headers are used where they are
 * legal and there once, else {@linkcode malformedId} and a route of `actor` alone.
 *
 * @param error what {@linkcode parseEnvelope} threw
 * @param actor whose queue the body was in
 * @returns `undefined` when the body is too large to wrap: dead-letter it as it is
 */
export function wrapMalformed(
  body: Uint8Array,
  error: EnvelopeError,
  actor: string,
): Envelope | undefined {
  const values = error.code === "resource_limit" ? undefined : valuesOf(body);
  if (values === undefined && body.length > MAX_WRAPPED_BYTES) return undefined;
  const { message, name: type, code } = error;
  const base64 = values ? {} : { body_base64: Buffer.from(body).toString("base64") };
  const details = JSON.stringify({ message, type, ...base64 });
  const read = <T>(name: string, reader: (json: Uint8Array) => T): T | undefined => {
    const json = values?.get(name);
    return json && attempt(() => reader(json));
  };
  const { maxActors, maxDepth } = DEFAULT_LIMITS;
  const id = read("id", (json) => readId(decodeJson(json, "id")));
  const route: Route = read("route", (json) => readRoute(json, { maxActors, maxDepth })) ??
    { actors: [actor], current: 0, extra: new Map() };
  const headers = read("headers", (json) => readMembers(json, "headers", { maxDepth }));
  const parentId = read(
    "parent_id",
    (json) => readString(decodeJson(json, "parent_id"), "parent_id"),
  );
  return {
    id: id ?? malformedId(body),
    ...parentId === undefined ? {} : { parentId },
    route,
    ...headers ? { headers } : {},
    payload: errorPayload(code, details, values && body),
    extra: new Map(),
  };
}
