/** An envelope as `GET /envelopes/{id}` shows it. */

import type { JsonText } from "@asya/envelope";
import { jsonText, writeObject } from "../json.ts";
import { type EnvelopeRecord, timestamp } from "./record.ts";

/** A record with its bodies. */
export interface StoredEnvelope {
  /** Everything but the bodies. */
  readonly record: EnvelopeRecord;
  /** What the envelope began with. */
  readonly payload: JsonText;
  /** What it ended with. */
  readonly result?: JsonText;
  /** Of a failed one, what the actor that failed had been given, where that is known. */
  readonly failedInput?: JsonText;
}

/** The JSON object; payload and result as they were written. */
export function viewEnvelope({ record, payload, result }: StoredEnvelope): JsonText {
  return viewRecord(record, { payload, result });
}

/** The JSON object, without bodies where none are given. */
export function viewRecord(
  r: EnvelopeRecord,
  { payload, result }: {
    readonly payload?: JsonText | undefined;
    readonly result?: JsonText | undefined;
  } = {},
): JsonText {
  const route = writeObject({
    actors: jsonText(r.actors),
    current: jsonText(r.current),
    metadata: r.metadata,
  });
  return writeObject({
    id: jsonText(r.id),
    parent_id: jsonText(r.parentId),
    parent_actor_idx: jsonText(r.parentActorIdx),
    parent_actor_name: r.parentActorIdx === undefined
      ? undefined
      : jsonText(r.actors[r.parentActorIdx]),
    tool: jsonText(r.tool),
    status: jsonText(r.state),
    route,
    headers: r.headers,
    payload,
    result,
    error: jsonText(r.error),
    timeout_seconds: jsonText(r.timeoutSeconds),
    deadline: r.deadline === undefined ? undefined : `"${timestamp(r.deadline)}"`,
    progress_percent: jsonText(r.progressPercent),
    current_actor_idx: jsonText(r.currentActorIdx),
    current_actor_name: jsonText(r.currentActorName),
    message: jsonText(r.message),
    actors_completed: jsonText(r.actorsCompleted),
    total_actors: jsonText(r.totalActors),
    created_at: `"${timestamp(r.createdAt)}"`,
    updated_at: `"${timestamp(r.updatedAt)}"`,
  });
}
