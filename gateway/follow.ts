/** Following an envelope: its history, then what happens, without a gap between the two. */

import { isFinal } from "./envelopes/record.ts";
import type { Store, StoredUpdate } from "./store/store.ts";

/** Updates read at once. */
const PAGE = 32;

/** How to follow. */
export interface FollowOptions {
  /** Number of the last update that is known already; 0 for all. */
  readonly after: number;
  /** Ends the following. */
  readonly signal: AbortSignal;
  /** An empty page is yielded when nothing happened for so many milliseconds. */
  readonly idleMs: number;
}

/** Rings once or many times before somebody waits: all the same. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Waits for a ring since the last wait; false when there was none for `ms`. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#rung) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, ms);
      await promise;
      clearTimeout(timer);
      this.#wake = undefined;
    }
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }
}

/**
 * Pages of updates in order, each update once; ends after the final one, at once when that is known
 * already, and when `signal` aborts. There is no gap, because notices only say "look again": every
 * update is read from the store by its number.
 */
export async function* follow(
  store: Store,
  id: string,
  { after, signal, idleMs }: FollowOptions,
): AsyncGenerator<StoredUpdate[]> {
  const bell = new Bell();
  const ring = () => bell.ring();
  const unwatch = store.watch(id, ring);
  signal.addEventListener("abort", ring);
  try {
    while (!signal.aborted) {
      const record = await store.head(id); // before the updates: a final state has its final update
      const page = await store.updates(id, after, PAGE);
      const last = page.at(-1);
      if (last) {
        after = last.seq;
        yield page;
        if (last.final) return;
      } else {
        if (record === undefined || isFinal(record.state)) return;
        if (!await bell.wait(idleMs)) yield [];
      }
    }
  } finally {
    signal.removeEventListener("abort", ring);
    unwatch();
  }
}
