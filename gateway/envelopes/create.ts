/** How an envelope comes into being: by a call, or as a child that a sidecar registers. */

import type { JsonText } from "@asya/envelope";
import type { Change, EnvelopeRecord } from "./record.ts";
import { timestamp, withoutPublishAfter } from "./record.ts";

/** What a call makes. */
export interface NewCall {
  readonly id: string;
  readonly actors: readonly string[];
  /** The tool that was called. */
  readonly tool?: string;
  /** Headers that the envelope begins with, an object. */
  readonly headers?: JsonText;
  /** No deadline when absent or 0. */
  readonly timeoutSeconds?: number;
  readonly now: number;
  /** When somebody other than the caller may publish it. */
  readonly publishAfter: number;
}

/** The record of a call: pending until it is on its first actor's queue. */
export function newCall(o: NewCall): EnvelopeRecord {
  return {
    id: o.id,
    ...o.tool === undefined ? {} : { tool: o.tool },
    state: "pending",
    actors: o.actors,
    current: 0,
    metadata: JSON.stringify({ job_id: o.id }),
    ...o.headers === undefined ? {} : { headers: o.headers },
    ...o.timeoutSeconds
      ? { timeoutSeconds: o.timeoutSeconds, deadline: Math.round(o.now + o.timeoutSeconds * 1000) }
      : {},
    progressPercent: 0,
    currentActorIdx: 0,
    actorsCompleted: 0,
    totalActors: o.actors.length,
    publishAfter: o.publishAfter,
    createdAt: o.now,
    updatedAt: o.now,
  };
}

/** What a sidecar says about a child that it publishes itself. */
export interface NewChild {
  readonly id: string;
  readonly actors: readonly string[];
  readonly current: number;
  /** When it was split off. */
  readonly createdAt: number;
  /** Which actor of the route split it off. */
  readonly parentActorIdx?: number;
}

/**
 * The record of a fan-out child: on its way already. It inherits its parent's deadline, as its
 * envelope does, so that a child that never reports does not stay open for ever.
 */
export function newChild(o: NewChild, parent: EnvelopeRecord | undefined): EnvelopeRecord {
  const { parentActorIdx } = o;
  return {
    id: o.id,
    ...parent ? { parentId: parent.id } : {},
    ...parentActorIdx === undefined ? {} : { parentActorIdx },
    state: "running",
    actors: o.actors,
    current: o.current,
    ...parent?.deadline === undefined ? {} : { deadline: parent.deadline },
    progressPercent: 0,
    currentActorIdx: 0,
    actorsCompleted: 0,
    totalActors: o.actors.length,
    createdAt: o.createdAt,
    updatedAt: o.createdAt,
  };
}

/**
 * Adds what only the registration knows to a child that another report brought here before it;
 * `undefined` where there is nothing to add.
 */
export function registered(
  record: EnvelopeRecord,
  { parentActorIdx, createdAt }: NewChild,
  parent: EnvelopeRecord | undefined,
): Change | undefined {
  if (parentActorIdx === undefined || record.parentActorIdx !== undefined) return undefined;
  if (parent === undefined || record.parentId !== parent.id) return undefined;
  return {
    record: { ...record, parentActorIdx, createdAt: Math.min(createdAt, record.createdAt) },
  };
}

/** The envelope is on its first actor's queue. A sidecar may have reported before we got here. */
export function published(record: EnvelopeRecord, now: number): Change | undefined {
  if (record.publishAfter === undefined) return undefined;
  const sent = withoutPublishAfter(record);
  if (record.state !== "pending") return { record: sent };
  const status = "running";
  const data = JSON.stringify({
    id: record.id,
    status,
    message: "Sending envelope to first actor",
    timestamp: timestamp(now),
  });
  return {
    record: { ...sent, state: status, updatedAt: now },
    update: { kind: "update", final: false, data },
  };
}

/** The queue could not be reached; to be tried again. */
export function postponed(record: EnvelopeRecord, until: number): Change | undefined {
  return record.publishAfter === undefined
    ? undefined
    : { record: { ...record, publishAfter: until } };
}
