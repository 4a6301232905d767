/** Work that has a limit of time. */

import { SourceError } from "./source.ts";

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
