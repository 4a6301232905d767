/** What the gateway knows about one envelope, apart from its payload and result. */

import type { JsonText } from "@asya/envelope";

/** States in which an envelope is still on its way. */
export const OPEN_STATES = ["pending", "running", "paused"] as const;
/** States that never change again. */
export const FINAL_STATES = ["succeeded", "failed", "cancelled"] as const;

/** A state that never changes again. */
export type FinalState = typeof FINAL_STATES[number];
/** Where an envelope stands; `paused` is reserved. */
export type State = typeof OPEN_STATES[number] | FinalState;

/** Whether a state never changes again. */
export function isFinal(state: State): state is FinalState {
  return (FINAL_STATES as readonly string[]).includes(state);
}

/** One envelope. Values are never changed in place. Times are milliseconds since 1970. */
export interface EnvelopeRecord {
  /** The same on every hop. */
  readonly id: string;
  /** The envelope that this one was fanned out from. */
  readonly parentId?: string;
  /** Which actor of the route split it off; of children whose registration said so. */
  readonly parentActorIdx?: number;
  /** The tool whose call made it; absent on children. */
  readonly tool?: string;
  /** Where it stands. */
  readonly state: State;
  /** The route as last reported. */
  readonly actors: readonly string[];
  /** Index of the first actor that is not known to be done. */
  readonly current: number;
  /** `route.metadata`. */
  readonly metadata?: JsonText;
  /** The envelope's headers, an object. */
  readonly headers?: JsonText;
  /** What the tool allows it; absent without a limit, and on children. */
  readonly timeoutSeconds?: number;
  /** When it fails as `deadline_exceeded` unless it is final before. */
  readonly deadline?: number;
  /** Never falls; below 100 until the state is final. */
  readonly progressPercent: number;
  /** The actor of the newest report. */
  readonly currentActorIdx: number;
  /** The same actor's name. */
  readonly currentActorName?: string;
  /** The text of the newest progress report that had one. */
  readonly message?: string;
  /** How many actors have reported that they are done. */
  readonly actorsCompleted: number;
  /** The longest route that was seen. */
  readonly totalActors: number;
  /** Code of a failure. */
  readonly error?: string;
  /** Present while it is not yet on its first actor's queue: when to try (again). */
  readonly publishAfter?: number;
  /** When it was made. */
  readonly createdAt: number;
  /** When it last changed. */
  readonly updatedAt: number;
}

/** One line of an envelope's history. */
export interface Update {
  /** The event's name on the stream. */
  readonly kind: "update" | "partial";
  /** The last one; its event also carries the envelope's result. */
  readonly final: boolean;
  /** The event's data without the result, a JSON object. */
  readonly data: JsonText;
}

/** A new state of an envelope, stored as one. */
export interface Change {
  /** The whole new record. */
  readonly record: EnvelopeRecord;
  /** A new line of its history. */
  readonly update?: Update;
  /** The result, where there is a new one. */
  readonly result?: JsonText;
  /** What the actor that failed had been given, where that is told. */
  readonly failedInput?: JsonText;
}

/** The actor that it is at, or ended at. */
export function actorOf({ actors, currentActorIdx, currentActorName }: EnvelopeRecord) {
  return currentActorName ?? actors[currentActorIdx];
}

/** Milliseconds since 1970 as RFC 3339. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}

/** A report may wait so long for a gateway that is away. */
const OLDEST_REPORT_MS = 24 * 3_600_000;

/**
 * When something happened: as its report says, unless that lies in the future or too far back, as
 * from a clock that is wrong or was never set.
 */
export function happenedAt(reported: number | undefined, now: number): number {
  return reported !== undefined && reported >= now - OLDEST_REPORT_MS
    ? Math.min(reported, now)
    : now;
}

/** The record without the members that say "wants to be published". */
export function withoutPublishAfter(record: EnvelopeRecord): EnvelopeRecord {
  const { publishAfter: _, ...rest } = record;
  return rest;
}
