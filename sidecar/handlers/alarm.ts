/**
 * Time limits of many calls on one timer. Most calls end long before their limit, so starting and
 * ending one must cost nothing: the timer is left alone unless an earlier limit comes.
 */

/** The longest delay that a timer takes; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A limit that was set. */
export interface Limit {
  /** As `performance.now()`. */
  readonly at: number;
  readonly ring: () => void;
}

/** Rings for each limit that is not cleared before its time. */
export class Alarm {
  readonly #limits = new Set<Limit>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #closed = false;

  /** Calls `ring` after `ms`. */
  set(ms: number, ring: () => void): Limit {
    const limit = { at: performance.now() + ms, ring };
    this.#limits.add(limit);
    if (limit.at < this.#timerAt) this.#arm(limit.at);
    return limit;
  }

  clear(limit: Limit): void {
    this.#limits.delete(limit);
    if (this.#closed && this.#limits.size === 0) this.#disarm();
  }

  /** No more limits are set; those that are, still ring. */
  close(): void {
    this.#closed = true;
    if (this.#limits.size === 0) this.#disarm();
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const ms = Math.min(Math.max(0, Math.ceil(at - performance.now())), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#ring(), ms);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timerAt = Infinity;
  }

  #ring(): void {
    this.#timerAt = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const limit of this.#limits) {
      if (limit.at > now) {
        next = Math.min(next, limit.at);
      } else {
        this.#limits.delete(limit);
        limit.ring();
      }
    }
    if (next < Infinity) this.#arm(next);
  }
}
