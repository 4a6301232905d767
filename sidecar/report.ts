/** What a sidecar tells the gateway about an envelope on its way, in both forms of the wire. */

import type { Envelope, JsonText } from "@asya/envelope";

const decoder = new TextDecoder();

/** One report, before it has a time and a number. */
export interface Report {
  readonly id: string;
  readonly kind: "progress" | "child" | "partial";
  /** The report's members without `id`, `seq`, `kind`, as the inside of a JSON object. */
  readonly members: JsonText;
  /** More members, which a gateway of 0.1.x is not given. */
  readonly more?: JsonText;
  /** A gateway of 0.1.x is not given any of it. */
  readonly batchOnly?: true;
}

/** A report with the time of what it tells, because it may arrive much later. */
export interface TimedReport extends Report {
  /** Milliseconds since 1970. */
  readonly at: number;
}

function members(object: object): JsonText {
  return JSON.stringify(object).slice(1, -1);
}

/** The envelope arrived at its actor. */
export function receivedReport(e: Envelope, bytes: number): Report {
  const kb = bytes / 1024;
  return progress(e, {
    status: "received",
    message: `Received message (${kb.toFixed(2)} KB)`,
    message_size_kb: kb,
  });
}

/** The handler works on it, or still does. */
export function processingReport(e: Envelope, actor: string): Report {
  const attempt = e.status?.attempt ?? 1;
  const said = { status: "processing", message: `Processing in ${actor}` };
  return progress(e, said, attempt > 1 ? { attempt } : {});
}

/** The handler is done; `actors` is the route that it answered. */
export function completedReport(e: Envelope, actors: readonly string[], ms: number): Report {
  const duration = Math.round(ms);
  return progress({ ...e, route: { ...e.route, actors } }, {
    status: "completed",
    message: `Completed processing in ${duration}ms`,
    duration_ms: duration,
  });
}

/** With the parent's id, because the report may overtake the child's registration. */
function progress({ id, parentId, route }: Envelope, rest: object, ours: object = {}): Report {
  const { actors, current } = route;
  return {
    id,
    kind: "progress",
    members: members({ actors, current_actor_idx: current, ...rest }),
    ...withMore(parentId === undefined ? ours : { ...ours, parent_id: parentId }),
  };
}

function withMore(ours: object): { readonly more?: JsonText } {
  const more = members(ours);
  return more === "" ? {} : { more };
}

/** The handler is done and has nothing to pass on. */
export function emptyReport(e: Envelope, ms: number): Report {
  return { ...completedReport(e, e.route.actors, ms), batchOnly: true };
}

/** A fan-out child is about to be sent. */
export function childReport(child: Envelope, parent: Envelope): Report {
  const { actors, current } = child.route;
  return {
    id: child.id,
    kind: "child",
    members: members({ parent_id: parent.id, actors, current }),
    ...withMore({ parent_actor_idx: parent.route.current }),
  };
}

/** Longest piece of a result that a gateway takes, in bytes. */
const MAX_PARTIAL_BYTES = 64 * 1024;

/**
 * A piece of a result, while the handler still works; `undefined` when it is too large or no JSON,
 * because one such report would spoil the whole batch.
 */
export function partialReport(e: Envelope, payload: Uint8Array): Report | undefined {
  if (payload.length > MAX_PARTIAL_BYTES) return undefined;
  const text = decoder.decode(payload);
  try {
    JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return { id: e.id, kind: "partial", members: `"payload":${text}` };
}

/** The body of `POST /reports`. */
export function batchBody(reports: readonly TimedReport[], seq: (index: number) => number): string {
  const entries = reports.map(({ id, kind, at, members, more }, index) =>
    `{"id":${JSON.stringify(id)},"seq":${seq(index)},"kind":"${kind}",` +
    `"timestamp":"${new Date(at).toISOString()}",${members}${more === undefined ? "" : `,${more}`}}`
  );
  return `{"reports":[${entries.join(",")}]}`;
}

/** Path and body for a gateway of 0.1.x; it has no partial results. */
export function singlePost(
  { id, kind, members, batchOnly }: Report,
): { path: string; body: string } | undefined {
  if (batchOnly) return undefined;
  switch (kind) {
    case "progress":
      return { path: `/envelopes/${encodeURIComponent(id)}/progress`, body: `{${members}}` };
    case "child":
      return { path: "/envelopes", body: `{"id":${JSON.stringify(id)},${members}}` };
    case "partial":
      return undefined;
  }
}
