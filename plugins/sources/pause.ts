/** Waits that end early when nobody needs them any more. */

import { setTimeout as pauseFor } from "node:timers/promises";
import { SourceError } from "./source.ts";

/** Waits `ms`; `false` when `signal` aborted first. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    return await pauseFor(ms, true, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    return false;
  }
}

/** Resolves, with `false`, when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<false> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(false), { once: true });
  });
}

/**
 * Runs what must be over within `ms`.
 *
 * @param from what is waited for, for the error
 * @throws SourceError `unreachable` when the time is over; the signal's reason; what `run` throws
 */
export async function within<T>(
  ms: number,
  signal: AbortSignal,
  from: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const time = new AbortController();
  const late = new SourceError("unreachable", `${from}: no complete answer within ${ms} ms`);
  const timer = setTimeout(() => time.abort(late), ms);
  try {
    return await run(AbortSignal.any([signal, time.signal]));
  } finally {
    clearTimeout(timer);
  }
}
