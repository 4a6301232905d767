/** Following an envelope: its history, then what happens, without a gap between the two. */

import { isFinal } from "./envelopes/record.ts";
import { type Store, type StoredUpdate, StoreUnavailable } from "./store/store.ts";

/** Updates read at once. */
const PAGE = 32;
/** Pause before a store that is away is asked again, in milliseconds. */
const AWAY_MS = 500;

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
 * What `read` gives once the store is there; `undefined` when `signal` aborted before.
 *
 * @param read asks the store
 */
export async function patiently<T>(
  read: () => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const bell = new Bell();
      signal.addEventListener("abort", () => bell.ring(), { once: true });
      await bell.wait(AWAY_MS);
    }
  }
  return undefined;
}

/**
 * Pages of updates in order, each update once; ends after the final one, at once when that is known
 * already, and when `signal` aborts. There is no gap, because notices only say "look again": every
 * update is read from the store by its number. While the store is away it waits, and yields empty
 * pages.
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
      const found = await look(store, id, after);
      if (found === undefined) { // away
        if (!await bell.wait(AWAY_MS)) yield [];
        continue;
      }
      const { page, over } = found;
      const last = page.at(-1);
      if (last) {
        after = last.seq;
        yield page;
      }
      if (over || last?.final) return;
      if (page.length < PAGE && !await bell.wait(idleMs)) yield [];
    }
  } finally {
    signal.removeEventListener("abort", ring);
    unwatch();
  }
}

/** What there is now, and whether nothing will follow; `undefined` while the store is away. */
async function look(store: Store, id: string, after: number) {
  try {
    const page = await store.updates(id, after, PAGE);
    if (page.length > 0) return { page, over: false };
    const record = await store.head(id);
    if (record && !isFinal(record.state)) return { page, over: false };
    const rest = await store.updates(id, after, PAGE); // it may have ended between the two
    return { page: rest, over: rest.length === 0 };
  } catch (error) {
    if (error instanceof StoreUnavailable) return undefined;
    throw error;
  }
}
