/** What a sidecar's reports do to an envelope that is still open. */

import type { JsonText } from "@asya/envelope";
import { writeObject } from "../json.ts";
import {
  type Change,
  type EnvelopeRecord,
  happenedAt,
  isFinal,
  timestamp,
  type Update,
} from "./record.ts";

/** How much of an actor's share each report stands for, in percent. */
export const WEIGHTS = { received: 10, processing: 50, completed: 100 } as const;

/** What an actor is doing with the envelope. */
export type ActorState = keyof typeof WEIGHTS;

/** One progress report. */
export interface ProgressReport {
  readonly status: ActorState;
  /** Which actor of the route; of a `completed`, the one that did the work. */
  readonly actorIdx: number;
  readonly actors?: readonly string[];
  readonly message?: string;
  /** Number of the attempt at this actor, where it is not the first. */
  readonly attempt?: number;
  /** When it happened, in milliseconds since 1970. */
  readonly at?: number;
  /** Of a `completed`: how long the handler took. */
  readonly durationMs?: number;
  /** The sidecar may be of 0.1.x: see {@linkcode workedIdx}. */
  readonly advanced?: boolean;
}

/** An envelope is not done before its end actor says so. */
const HIGHEST_OPEN_PERCENT = 99;

/**
 * Which actor a report is about. Sidecars of 0.1.x advance the route first and report `completed`
 * with the next actor's index: recognised by an actor that completes without ever having received
 * anything, while its predecessor never completed.
 */
function workedIdx(record: EnvelopeRecord, report: ProgressReport, total: number): number {
  const { actorIdx: idx, status } = report;
  const advanced = report.advanced && status === "completed" && idx > record.currentActorIdx &&
    idx > record.current;
  return Math.min(advanced ? idx - 1 : idx, total - 1);
}

/** Applies a report; `undefined` when the state is final. */
export function progressed(
  record: EnvelopeRecord,
  report: ProgressReport,
  now: number,
): Change | undefined {
  if (isFinal(record.state)) return undefined;
  const actors = report.actors?.length ? report.actors : record.actors;
  const total = Math.max(record.totalActors, actors.length);
  const idx = workedIdx(record, report, total);
  const percent = Math.max(
    record.progressPercent,
    Math.min((idx * 100 + WEIGHTS[report.status]) / total, HIGHEST_OPEN_PERCENT),
  );
  const done = report.status === "completed" ? idx + 1 : 0;
  const late = idx < record.currentActorIdx;
  const name = actors[idx];
  return {
    record: {
      ...record,
      state: "running",
      progressPercent: percent,
      totalActors: total,
      current: Math.max(record.current, done),
      actorsCompleted: Math.max(record.actorsCompleted, done),
      ...late ? {} : {
        actors,
        currentActorIdx: idx,
        ...name === undefined ? {} : { currentActorName: name },
        ...report.message === undefined ? {} : { message: report.message },
      },
      updatedAt: now,
    },
    update: hopUpdate(record, report, { idx, percent, now }),
  };
}

/**
 * What a report is when it comes after the end: a line of the history, which goes before the final
 * one. Nothing else changes.
 */
export function recalled(record: EnvelopeRecord, report: ProgressReport, now: number): Change {
  return { record, update: hopUpdate(record, report, { idx: report.actorIdx, now }) };
}

function hopUpdate(
  { id, actors }: EnvelopeRecord,
  report: ProgressReport,
  { idx, percent, now }: { readonly idx: number; readonly percent?: number; readonly now: number },
): Update {
  const data = JSON.stringify({
    id,
    status: "running",
    message: report.message,
    progress_percent: percent,
    actors: report.actors?.length ? report.actors : actors,
    current_actor_idx: idx,
    envelope_state: report.status,
    attempt: report.attempt,
    duration_ms: report.durationMs,
    timestamp: timestamp(happenedAt(report.at, now)),
  });
  return { kind: "update", final: false, data };
}

/**
 * A piece of the result while the handler still works. One that comes after the end becomes part of
 * the history, before the final line.
 */
export function partialResult(record: EnvelopeRecord, payload: JsonText, now: number): Change {
  const data = writeObject({
    id: JSON.stringify(record.id),
    payload,
    timestamp: JSON.stringify(timestamp(now)),
  });
  return {
    record: isFinal(record.state) ? record : { ...record, state: "running", updatedAt: now },
    update: { kind: "partial", final: false, data },
  };
}
