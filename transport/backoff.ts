/** Pauses that grow, and end early when nobody needs them any more. */

/** Doubling pauses between two bounds, in milliseconds. */
export class Backoff {
  #next: number;

  /** `firstMs`: the first pause; `longestMs`: the longest one. */
  constructor(private readonly firstMs: number, private readonly longestMs: number) {
    this.#next = firstMs;
  }

  /** Waits; `false` when `signal` aborted first. */
  wait(signal: AbortSignal): Promise<boolean> {
    const ms = this.#next;
    this.#next = Math.min(ms * 2, this.longestMs);
    return pause(ms, signal);
  }

  /** Something worked: begin with short pauses again. */
  reset(): void {
    this.#next = this.firstMs;
  }
}

/** Waits `ms`; `false` when `signal` aborted first. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (whole: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(whole);
    };
    const onAbort = () => end(false);
    const timer = setTimeout(() => end(true), ms);
    signal.addEventListener("abort", onAbort);
  });
}
