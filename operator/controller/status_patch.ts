/** Whether a status is worth writing, and the patch that writes it. */

import type { ActorStatus } from "../status/actor_status.ts";
import { changedMuch } from "./queue_watch.ts";

/** What happens in between is written together, in ms. */
export const STATUS_EVERY_MS = 1_000;

/** Counts alone are written at most so often, in ms. */
export const COUNTS_EVERY_MS = 30_000;

/** When to write: now, not, or after so many ms if nothing changes meanwhile. */
export type Writing = "now" | "no" | { readonly afterMs: number };

/** @param sinceMs since it was written last; Infinity: never, as far as is known */
export function writingOf(
  before: ActorStatus | undefined,
  now: ActorStatus,
  sinceMs: number,
): Writing {
  if (before === undefined) return "now";
  if (JSON.stringify(lasting(before)) !== JSON.stringify(lasting(now))) {
    return after(STATUS_EVERY_MS - sinceMs);
  }
  const counts = changedMuch(before.queuedMessages, now.queuedMessages) ||
    changedMuch(before.processingMessages, now.processingMessages);
  if (counts) return after(COUNTS_EVERY_MS - sinceMs);
  return isStale(before.lastScaleFormatted, now.lastScaleFormatted) ? "now" : "no";
}

function after(ms: number): Writing {
  return ms > 0 ? { afterMs: ms } : "now";
}

/** What must be written when it changes, in one order of keys. */
function lasting(status: ActorStatus): unknown {
  const { queuedMessages: _, processingMessages: __, lastScaleFormatted: ___, ...rest } = status;
  return sorted(rest);
}

/** The API server gives keys back in an order of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => a < b ? -1 : 1).map(([key, member]) => [key, sorted(member)]),
  );
}

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Whether `5m ago (up)` has become too wrong: the age has grown by half. Writing it as often as its
 * text changes would write for ever.
 */
function isStale(before: string | undefined, now: string | undefined): boolean {
  if (before === now) return false;
  const [was, is] = [ageOf(before), ageOf(now)];
  return was === undefined || is === undefined || is < was || is - was >= Math.max(was / 2, 60);
}

/** Seconds of an age in words; undefined: it is none. */
export function ageOf(text: string | undefined): number | undefined {
  const parts = [...text?.matchAll(/([0-9]+)([smhd])/g) ?? []];
  if (parts.length === 0) return undefined;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_S[unit!]!, 0);
}

/** A merge patch: what was there and is not any more becomes null. */
export function statusPatch(before: ActorStatus | undefined, now: ActorStatus): unknown {
  const gone = Object.keys(before ?? {}).filter((key) => !(key in now)).map((key) => [key, null]);
  return { status: { ...Object.fromEntries(gone), ...now } };
}
