/** An envelope's updates folded into hops: one line for each time that an actor worked on it. */

import { isFinal, type Update } from "./progress.ts";

/** Where an envelope came from, as the gateway says it. */
export interface Origin {
  readonly created_at: string;
  readonly route: { readonly actors: readonly string[] };
  readonly parent_id?: string;
  readonly parent_actor_idx?: number;
  readonly parent_actor_name?: string;
}

/** What an actor did with an envelope. Times are milliseconds since 1970. */
interface Hop {
  readonly actor: string;
  readonly index: number;
  readonly startedAt: number;
  /** The route, as the newest report about this hop has it. */
  actors: readonly string[];
  receivedAt?: number;
  calledAt?: number;
  completedAt?: number;
  deliveries: number;
  attempt: number;
}

/** Each report once and in the order of its time: they may arrive late, and twice. */
function inOrder(updates: readonly Update[]): Update[] {
  const key = (u: Update) => `${u.envelope_state} ${u.current_actor_idx} ${u.timestamp}`;
  const each = new Map(updates.map((update) => [key(update), update]));
  return [...each.values()].sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
}

function foldHops(updates: readonly Update[]): Hop[] {
  const hops: Hop[] = [];
  const open = new Map<number, Hop>();
  for (const update of inOrder(updates)) {
    const { envelope_state: state, current_actor_idx: index, actors = [], attempt = 1 } = update;
    const { duration_ms: took } = update;
    if (state === undefined || index === undefined) continue;
    const at = Date.parse(update.timestamp);
    const calledAt = took === undefined ? undefined : at - took;
    let hop = open.get(index);
    if (hop === undefined) {
      const actor = actors[index] ?? `actor ${index}`;
      hop = { actor, index, startedAt: calledAt ?? at, actors, deliveries: 0, attempt };
      open.set(index, hop);
      hops.push(hop);
    }
    hop.actors = actors;
    hop.attempt = Math.max(hop.attempt, attempt);
    if (state === "received") {
      hop.deliveries++;
      hop.receivedAt = at;
      delete hop.calledAt; // whoever had it before did not end it
    } else if (state === "processing") {
      hop.calledAt ??= at; // said again while it works
    } else if (state === "completed") {
      hop.completedAt = at;
      if (calledAt !== undefined) hop.calledAt ??= calledAt; // a fast call tells of its end only
      open.delete(index);
    }
  }
  return hops.sort((a, b) => a.startedAt - b.startedAt || a.index - b.index);
}

/** Index of the first actor that works on it: a child begins behind the one that split it off. */
function firstIndex(origin: Origin, hops: readonly Hop[]): number {
  if (origin.parent_id === undefined) return 0;
  return origin.parent_actor_idx === undefined ? hops[0]?.index ?? 0 : origin.parent_actor_idx + 1;
}

function isOriginKnown({ parent_id, parent_actor_name }: Origin): boolean {
  return parent_id === undefined || parent_actor_name !== undefined;
}

/** Whether the end has come and every actor that must have worked on it has reported. */
export function isWhole(updates: readonly Update[], origin: Origin): boolean {
  const final = updates.find(isFinal);
  if (final === undefined || !isOriginKnown(origin)) return false;
  const hops = foldHops(updates);
  // An actor may have changed the route, so the farthest one knows it best.
  const farthest = hops.toSorted((a, b) => b.index - a.index)[0];
  const route = farthest?.actors ?? origin.route.actors;
  const end = final.status === "succeeded" ? route.length : final.current_actor_idx;
  if (end === undefined) return true; // the gateway gave it up, wherever it was
  const done = new Set(hops.filter((hop) => hop.completedAt !== undefined).map((h) => h.index));
  for (let index = firstIndex(origin, hops); index < end; index++) {
    if (!done.has(index)) return false;
  }
  return end === route.length || hops.some((hop) => hop.index === end);
}

function span(ms: number): string {
  return Math.abs(ms) < 10_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function line(ms: number, who: string, what: string): string {
  return `${`+${span(Math.max(0, ms))}`.padStart(10)}  ${who.padEnd(11)} ${what}`;
}

function hopText(hop: Hop, final: Update | undefined): string {
  const { receivedAt, calledAt, completedAt, attempt, deliveries, index } = hop;
  const parts: string[] = [];
  if (attempt > 1) parts.push(`attempt ${attempt}`);
  else if (deliveries > 1) parts.push(`delivered ${deliveries} times`);
  if (receivedAt !== undefined && calledAt !== undefined) {
    parts.push(`waited ${span(calledAt - receivedAt)}`);
  }
  if (completedAt !== undefined) {
    parts.push(calledAt === undefined ? "answered" : `answered in ${span(completedAt - calledAt)}`);
  } else if (final?.status === "failed" && final.current_actor_idx === index) {
    parts.push("failed");
  } else {
    parts.push(calledAt === undefined ? "not called" : "no answer");
  }
  return parts.join(", ");
}

function endLine(final: Update, start: number): string {
  const { status, error, actor, actors } = final;
  // An end actor's failure names the route; without it the gateway itself gave the envelope up.
  const who = status === "succeeded" ? "happy-end" : actors === undefined ? "gateway" : "error-end";
  const where = actor === undefined ? "" : ` at ${actor}`;
  const why = typeof error === "string" ? `: ${error}${where}` : where;
  return line(Date.parse(final.timestamp) - start, who, `${status}${why}`);
}

/**
 * One line a hop, in order, with the time since the envelope was made. Of an envelope that is not
 * finished, only the lines that no later report can change: what was printed stays true.
 */
export function hopLines(updates: readonly Update[], origin: Origin, ended: boolean): string[] {
  if (!ended && !isOriginKnown(origin)) return [];
  const start = Date.parse(origin.created_at);
  const final = updates.find(isFinal);
  const hops = foldHops(updates);
  const lines: string[] = [];
  if (origin.parent_id !== undefined) {
    lines.push(line(0, origin.parent_actor_name ?? "?", `split it off ${origin.parent_id}`));
  }
  let next = firstIndex(origin, hops);
  for (const hop of hops) {
    if (!ended && (hop.completedAt === undefined || hop.index > next)) return lines;
    lines.push(line(hop.startedAt - start, hop.actor, hopText(hop, final)));
    next = hop.index + 1;
  }
  if (ended && final !== undefined) lines.push(endLine(final, start));
  return lines;
}
