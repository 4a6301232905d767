/** When an actor was last scaled, and how people read it. */

import type { ActorStatus } from "./actor_status.ts";

/** The fields about it; none before the first change. */
export type LastScale = Pick<
  ActorStatus,
  "lastScaleTime" | "lastScaleDirection" | "lastScaleFormatted"
>;

/** `5m ago`: whole minutes, hours, days, so that the text stays the same for a while. */
export function ago(then: Date, now: Date): string {
  const minutes = Math.floor((now.getTime() - then.getTime()) / 60_000);
  if (minutes < 1) return "<1m ago";
  if (minutes < 60) return `${minutes}m ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ago` : `${Math.floor(hours / 24)}d ago`;
}

/** A change of what should be, since the last status; an actor's first pods are none. */
export function lastScale(desired: number, now: Date, before?: ActorStatus): LastScale {
  if (before === undefined) return {};
  const changed = before.workloadRef !== undefined && desired !== before.desiredReplicas;
  const time = changed ? now.toISOString() : before.lastScaleTime;
  const direction = changed
    ? desired > before.desiredReplicas ? "up" : "down"
    : before.lastScaleDirection;
  if (time === undefined || direction === undefined) return {};
  const lastScaleFormatted = `${ago(new Date(time), now)} (${direction})`;
  return { lastScaleTime: time, lastScaleDirection: direction, lastScaleFormatted };
}
