/** Waiting for what has to come, with a bound. */

import { Fault } from "./fault.ts";

const LOOK_EVERY_MS = 10;

/** Time that cases themselves let pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What `promise` comes to; `late()` after `ms`. */
export async function within<T>(promise: Promise<T>, ms: number, late: () => T): Promise<T> {
  const { promise: over, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), ms);
  try {
    const first = await Promise.race([promise.then((value) => ({ value })), over]);
    return first === "late" ? late() : first.value;
  } finally {
    clearTimeout(timer);
  }
}

/** Looks until it is there. @throws Fault after `ms` */
export async function until<T>(
  look: () => T | undefined | Promise<T | undefined>,
  expected: string,
  ms = 5_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Fault(expected, `nothing of it in ${ms} ms`);
    await pause(LOOK_EVERY_MS);
  }
}
