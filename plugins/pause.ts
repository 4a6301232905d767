/** Waits that end early when nobody needs them any more. */

import { setTimeout as pauseFor } from "node:timers/promises";

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
