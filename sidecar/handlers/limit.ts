/** What ends the wait for a call from outside: its limit, or a cancel. */

import type { Alarm } from "./alarm.ts";
import { type HandlerCall, HandlerError } from "./handler.ts";

/** The longest delay that a timer takes; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Waits for `outcome`, but not past the call's limit or cancel. */
export function limited<T>(
  outcome: Promise<T>,
  { limitMs, signal }: Pick<HandlerCall, "limitMs" | "signal">,
  alarm: Alarm,
): Promise<{ readonly value: T } | "limit" | "cancel"> {
  return new Promise((resolve, reject) => {
    const over = () => {
      alarm.clear(limit);
      signal.removeEventListener("abort", onAbort);
    };
    const stop = (why: "limit" | "cancel") => {
      over();
      resolve(why);
    };
    const onAbort = () => stop("cancel");
    const limit = alarm.set(limitMs, () => stop("limit"));
    signal.addEventListener("abort", onAbort);
    outcome.then((value) => {
      over();
      resolve({ value });
    }, (error) => {
      over();
      reject(error);
    });
    if (signal.aborted) onAbort();
  });
}

/** Whether `outcome` settles, either way, within `ms`. */
export async function settles(outcome: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), Math.min(ms, MAX_TIMER_MS));
  try {
    return await Promise.race([outcome.then(() => true, () => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Begins to wait, until `signal` aborts. @throws the signal's reason; what `begin` throws */
export async function unlessAborted<T>(begin: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([begin(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The error of a call that was cancelled, with the caller's reason. */
export function cancelled(signal: AbortSignal): HandlerError {
  const reason = typeof signal.reason === "string" ? `: ${signal.reason}` : "";
  return new HandlerError({ code: "cancelled", message: `the call was cancelled${reason}` });
}
