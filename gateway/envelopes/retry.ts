/** What a failed envelope is tried again with. */

import type { JsonText } from "@asya/envelope";
import { readObjectText, writeObject } from "../json.ts";
import { newCall } from "./create.ts";
import type { EnvelopeRecord } from "./record.ts";
import type { StoredEnvelope } from "./view.ts";

/** Why an envelope cannot be tried again. */
export type NotRetryable = "not failed" | "no payload";

/** A new envelope in the place of a failed one. */
export interface Retry {
  readonly record: EnvelopeRecord;
  readonly payload: JsonText;
}

/**
 * A new envelope that goes on where the old one failed, with what the actor there was given. Where
 * nobody told what that was, the whole route is done again from what it began with.
 *
 * @param o.id of the new envelope
 * @param o.publishAfter when somebody other than the caller may publish it
 */
export function retryOf(
  { record: old, payload, failedInput }: StoredEnvelope,
  o: { readonly id: string; readonly now: number; readonly publishAfter: number },
): Retry | NotRetryable {
  if (old.state !== "failed" && old.state !== "cancelled") return "not failed";
  const goesOn = failedInput !== undefined && old.currentActorIdx < old.actors.length;
  // A child is registered without the payload that its sidecar gave it.
  if (!goesOn && old.parentId !== undefined) return "no payload";
  const current = goesOn ? old.currentActorIdx : 0;
  const headers = new Map(old.headers === undefined ? [] : readObjectText(old.headers));
  headers.set("x-asya-retry-of", JSON.stringify(old.id));
  const fresh = newCall({
    ...o,
    actors: old.actors,
    ...old.tool === undefined ? {} : { tool: old.tool },
    ...old.timeoutSeconds === undefined ? {} : { timeoutSeconds: old.timeoutSeconds },
  });
  return {
    record: {
      ...fresh,
      current,
      currentActorIdx: current,
      actorsCompleted: current,
      progressPercent: current * 100 / old.actors.length,
      headers: writeObject(Object.fromEntries(headers)),
    },
    payload: goesOn ? failedInput : payload,
  };
}
