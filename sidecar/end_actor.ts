/** What an end actor reports to the gateway, and what follows from the gateway's answer. */

import { currentActor, type Envelope, EnvelopeError, scanObject } from "@asya/envelope";
import type { HandlerAnswer } from "./handlers/handler.ts";
import type { FinalPlan, SendPlan } from "./plan.ts";
import type { Rules } from "./decide.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Longest payload of a failed actor that the gateway is told, in bytes: what a call may bring. */
const MAX_ORIGINAL_BYTES = 4 * 2 ** 20;

/** The handler has kept the result or the error: now the gateway is to know. */
export function decideEnd(
  input: Envelope,
  { frames }: HandlerAnswer,
  rules: Rules,
  now: number,
): FinalPlan {
  const timestamp = new Date(now).toISOString();
  const parent = input.parentId === undefined ? {} : { parent_id: input.parentId };
  if (rules.actor === rules.errorEnd) {
    return { kind: "final", ...failedBodies(input, { id: input.id, ...parent }, timestamp) };
  }
  const head = { id: input.id, ...parent, progress: 1, status: "succeeded", timestamp };
  const withoutResult = encoder.encode(JSON.stringify(head));
  const result = frames[0]?.payload ?? input.payload;
  const body = isNull(result) ? withoutResult : withMember(withoutResult, "result", result);
  return { kind: "final", body, withoutResult };
}

/** An acknowledged end: nothing is sent on. */
export const END_CONSUMED: SendPlan = { kind: "send", result: "end_consumed", sends: [] };

function failedBodies(
  input: Envelope,
  ids: { readonly id: string; readonly parent_id?: string },
  timestamp: string,
): Pick<FinalPlan, "body" | "withoutResult"> {
  const { error, details, original } = readError(input.payload);
  const name = currentActor(input);
  const head = {
    ...ids,
    status: "failed",
    ...error === undefined ? {} : { error },
    actors: input.route.actors,
    current_actor_idx: input.route.current,
    ...name === undefined ? {} : { current_actor_name: name },
    timestamp,
  };
  const withoutResult = encoder.encode(JSON.stringify(head));
  let body = details === undefined || isNull(details)
    ? withoutResult
    : withMember(withoutResult, "error_details", details);
  if (original !== undefined && original.length <= MAX_ORIGINAL_BYTES) {
    body = withMember(body, "original_payload", original); // to try it again with
  }
  return { body, withoutResult };
}

/** What `error-end` is given. */
interface ErrorPayload {
  error?: string;
  details?: Uint8Array;
  /** What the actor that failed was given. */
  original?: Uint8Array;
}

/** The members of an error payload; anything else has none. */
function readError(payload: Uint8Array): ErrorPayload {
  const found: ErrorPayload = {};
  try {
    for (const { name, start, end } of scanObject(payload)) {
      const json = payload.subarray(start, end);
      if (name === "details") found.details = json;
      if (name === "original_payload") found.original = json;
      if (name !== "error") continue;
      const error: unknown = JSON.parse(decoder.decode(json));
      if (typeof error === "string") found.error = error;
    }
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    return {}; // no object: somebody's own envelope
  }
  return found;
}

function isNull(json: Uint8Array): boolean {
  return json.length === 4 && decoder.decode(json) === "null";
}

/** Puts a raw member into an object that has members. */
function withMember(object: Uint8Array, name: string, json: Uint8Array): Uint8Array {
  const start = encoder.encode(`{${JSON.stringify(name)}:`);
  const body = new Uint8Array(start.length + json.length + object.length);
  body.set(start);
  body.set(json, start.length);
  body.set(object, start.length + json.length);
  body[start.length + json.length] = 0x2c; // the object's brace becomes a comma
  return body;
}
