/** How many deliveries to hold: few, unless the handler is so fast that fetching would slow it. */

const STEPS = [10, 100];
const FAST_MS = 10;
/** Calls between two looks at the median. */
const WINDOW = 32;

/** One more than can run at once; 10, then 100, only while the median call takes less than 10 ms. */
export class Prefetch {
  readonly #durations: number[] = [];
  #level = 0;

  /**
   * @param concurrency calls that may run at once
   * @param fixed hold so many instead, whatever the handler does
   */
  constructor(private readonly concurrency: () => number, private readonly fixed?: number) {}

  /** A call of the handler took this long, in milliseconds. */
  observe(ms: number): void {
    if (this.#durations.push(ms) < WINDOW) return;
    const median = this.#durations.sort((a, b) => a - b)[WINDOW / 2]!;
    this.#durations.length = 0;
    this.#level = median < FAST_MS ? Math.min(this.#level + 1, STEPS.length) : 0;
  }

  /** Something waited long: as few as possible, until calls have been fast again. */
  slow(): void {
    this.#level = 0;
    this.#durations.length = 0;
  }

  /** Deliveries to hold at most. */
  get value(): number {
    return this.fixed ?? Math.max(this.concurrency() + 1, STEPS[this.#level - 1] ?? 0);
  }
}
