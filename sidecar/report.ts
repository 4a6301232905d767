/**
 * What a sidecar tells the gateway about an envelope on its way, in both forms of the wire. Reports
 * are written as JSON only when they are sent: most are replaced by a later one before that.
 */

import type { Envelope, JsonText } from "@asya/envelope";

const decoder = new TextDecoder();

/** How far an actor is with an envelope. It holds no payload, as many of them may wait. */
export interface ProgressReport {
  readonly kind: "progress";
  readonly id: string;
  readonly parentId: string | undefined;
  /** The route, and the actor's own place in it. */
  readonly actors: readonly string[];
  readonly current: number;
  readonly attempt: number;
  readonly state: ProgressState;
  /** What a gateway of 0.1.x is told instead: there, who has nothing to pass on does not complete. */
  readonly oldState?: ProgressState;
}

type ProgressState =
  | { readonly status: "received"; readonly bytes: number }
  | { readonly status: "processing"; readonly actor: string }
  | { readonly status: "completed"; readonly ms: number };

/** A fan-out child. */
export interface ChildReport {
  readonly kind: "child";
  readonly id: string;
  readonly parentId: string;
  readonly actors: readonly string[];
  readonly current: number;
  /** Place in the route of the actor that made it. */
  readonly parentActorIdx: number;
}

/** A piece of a result. */
export interface PartialReport {
  readonly kind: "partial";
  readonly id: string;
  readonly payload: JsonText;
}

/** One report, before it has a time and a number. */
export type Report = ProgressReport | ChildReport | PartialReport;

/** A report with the time of what it tells, because it may arrive much later. */
export interface TimedReport {
  readonly report: Report;
  /** Milliseconds since 1970. */
  readonly at: number;
}

function progress(e: Envelope, state: ProgressState): ProgressReport {
  const { id, parentId, route: { actors, current } } = e;
  return {
    kind: "progress",
    id,
    parentId,
    actors,
    current,
    attempt: e.status?.attempt ?? 1,
    state,
  };
}

/** The envelope arrived at its actor. */
export function receivedReport(e: Envelope, bytes: number): ProgressReport {
  return progress(e, { status: "received", bytes });
}

/** The handler works on it, or still does. */
export function processingReport(e: Envelope, actor: string): ProgressReport {
  return progress(e, { status: "processing", actor });
}

/** The handler is done; `actors` is the route that it answered. */
export function completedReport(
  e: Envelope,
  actors: readonly string[],
  ms: number,
): ProgressReport {
  return { ...progress(e, { status: "completed", ms: Math.round(ms) }), actors };
}

/** The handler is done and has nothing to pass on. */
export function emptyReport(e: Envelope, actor: string, ms: number): ProgressReport {
  const oldState = { status: "processing", actor } as const;
  return { ...completedReport(e, e.route.actors, ms), oldState };
}

/** A fan-out child is about to be sent. */
export function childReport(child: Envelope, parent: Envelope): ChildReport {
  const { id, route: { actors, current } } = child;
  const parentActorIdx = parent.route.current;
  return { kind: "child", id, parentId: parent.id, actors, current, parentActorIdx };
}

/** Longest piece of a result that a gateway takes, in bytes. */
const MAX_PARTIAL_BYTES = 64 * 1024;

/**
 * A piece of a result, while the handler still works; `undefined` when it is too large or no JSON,
 * because one such report would spoil the whole batch.
 */
export function partialReport(e: Envelope, payload: Uint8Array): PartialReport | undefined {
  if (payload.length > MAX_PARTIAL_BYTES) return undefined;
  const text = decoder.decode(payload);
  try {
    JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return { kind: "partial", id: e.id, payload: text };
}

/** Longest name of an actor, with its quotes and comma. */
const ACTOR_CHARS = 66;
const REST_CHARS = 512;

/** Characters that a report takes at most, or little more: enough to bound a buffer by. */
export function charsOf(report: Report): number {
  if (report.kind === "partial") return REST_CHARS + report.payload.length;
  return REST_CHARS + ACTOR_CHARS * report.actors.length;
}

/** What a gateway of 0.1.x is given, without the raw parts. */
function members(report: ProgressReport | ChildReport): object {
  const { actors, current } = report;
  if (report.kind === "child") return { parent_id: report.parentId, actors, current };
  return { actors, current_actor_idx: current, ...stateMembers(report.state) };
}

function stateMembers(state: ProgressState): object {
  const { status } = state;
  switch (status) {
    case "received": {
      const kb = state.bytes / 1024;
      return { status, message: `Received message (${kb.toFixed(2)} KB)`, message_size_kb: kb };
    }
    case "processing":
      return { status, message: `Processing in ${state.actor}` };
    case "completed":
      return { status, message: `Completed processing in ${state.ms}ms`, duration_ms: state.ms };
  }
}

/** What it is not given. */
function moreMembers(report: ProgressReport | ChildReport): object {
  if (report.kind === "child") return { parent_actor_idx: report.parentActorIdx };
  const { attempt, parentId } = report;
  // With the parent's id, because the report may overtake the child's registration.
  return { attempt: attempt > 1 ? attempt : undefined, parent_id: parentId };
}

function batchEntry({ report, at }: TimedReport, seq: number): JsonText {
  const { id, kind } = report;
  const head = { id, seq, kind, timestamp: new Date(at).toISOString() };
  if (kind === "partial") {
    return `${JSON.stringify(head).slice(0, -1)},"payload":${report.payload}}`;
  }
  return JSON.stringify({ ...head, ...members(report), ...moreMembers(report) });
}

/** The body of `POST /reports`. */
export function batchBody(reports: readonly TimedReport[], seq: () => number): string {
  return `{"reports":[${reports.map((report) => batchEntry(report, seq())).join(",")}]}`;
}

/** Path and body for a gateway of 0.1.x; it has no partial results. */
export function singlePost(report: Report): { path: string; body: string } | undefined {
  const { id, kind } = report;
  switch (kind) {
    case "progress": {
      const path = `/envelopes/${encodeURIComponent(id)}/progress`;
      const { state, oldState = state } = report;
      return { path, body: JSON.stringify(members({ ...report, state: oldState })) };
    }
    case "child":
      return { path: "/envelopes", body: JSON.stringify({ id, ...members(report) }) };
    case "partial":
      return undefined;
  }
}
