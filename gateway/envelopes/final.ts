/** How an envelope ends: by its final report, in time or not at all. Once only. */

import type { JsonText } from "@asya/envelope";
import { jsonText, writeObject } from "../json.ts";
import {
  type Change,
  type EnvelopeRecord,
  type FinalState,
  happenedAt,
  isFinal,
  timestamp,
  withoutPublishAfter,
} from "./record.ts";

/** A final report. */
export interface FinalReport {
  readonly status: "succeeded" | "failed";
  readonly result?: JsonText;
  /** Code of the failure; `cancelled` makes the state `cancelled`. */
  readonly error?: string;
  /** An object with `message`, `type`, `traceback`. */
  readonly errorDetails?: JsonText;
  readonly actors?: readonly string[];
  /** When it ended, in milliseconds since 1970. */
  readonly at?: number;
  /** Where it failed. */
  readonly actorIdx?: number;
  readonly actorName?: string;
  /** What the actor that failed had been given. */
  readonly failedInput?: JsonText;
}

/** What a failure leaves as result: all that the report said about it. */
function failureResult(report: FinalReport): JsonText | undefined {
  const { error, errorDetails, actorName, actorIdx, actors } = report;
  if (errorDetails ?? actorName ?? actorIdx ?? actors) {
    return writeObject({
      error: jsonText(error),
      details: errorDetails,
      failed_actor: jsonText(actorName),
      failed_actor_idx: jsonText(actorIdx),
      route: jsonText(actors),
    });
  }
  return undefined;
}

function messageOf(state: FinalState, report: FinalReport): string {
  if (state === "succeeded") return "Envelope completed successfully";
  if (state === "cancelled") return "Envelope cancelled";
  const where = report.actorName === undefined ? "" : ` at actor '${report.actorName}'`;
  return `Envelope failed${where}${report.error === undefined ? "" : `: ${report.error}`}`;
}

/** Applies a final report; `undefined` when the state is final already. */
export function finished(
  record: EnvelopeRecord,
  report: FinalReport,
  now: number,
): Change | undefined {
  if (isFinal(record.state)) return undefined;
  const failed = report.status === "failed";
  const state = failed && report.error === "cancelled" ? "cancelled" : report.status;
  const result = report.result ?? (failed ? failureResult(report) : undefined);
  const data = JSON.stringify({
    id: record.id,
    status: state,
    message: messageOf(state, report),
    error: failed ? report.error : undefined,
    progress_percent: 100,
    actor: report.actorName,
    actors: report.actors,
    current_actor_idx: report.actorIdx,
    timestamp: timestamp(happenedAt(report.at, now)),
  });
  return {
    record: {
      ...withoutPublishAfter(record),
      state,
      progressPercent: 100,
      ...report.actors?.length ? { actors: report.actors } : {},
      ...report.actorIdx === undefined ? {} : { currentActorIdx: report.actorIdx },
      ...report.actorName === undefined ? {} : { currentActorName: report.actorName },
      ...failed && report.error !== undefined ? { error: report.error } : {},
      updatedAt: now,
    },
    update: { kind: "update", final: true, data },
    ...result === undefined ? {} : { result },
    ...failed && report.failedInput !== undefined ? { failedInput: report.failedInput } : {},
  };
}

/** The time of the call is over and nobody reported an end. */
export function timedOut(record: EnvelopeRecord, now: number): Change | undefined {
  if (record.deadline === undefined || record.deadline > now) return undefined;
  const limit = record.timeoutSeconds === undefined
    ? timestamp(record.deadline)
    : `${record.timeoutSeconds} s`;
  const message = record.publishAfter === undefined
    ? `no final report within its time (${limit})`
    : `it could not be put on the queue of actor "${record.actors[0]}" within its time (${limit})`;
  return finished(record, {
    status: "failed",
    error: "deadline_exceeded",
    errorDetails: JSON.stringify({ message }),
  }, now);
}
