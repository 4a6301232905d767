/** How many deliveries to hold: few, unless fetching them would keep a fast handler waiting. */

/** Calls between two looks at the median. */
const WINDOW = 32;

/** From which median on, in milliseconds, how many more may be held; one step at a time. */
const STEPS: readonly { readonly belowMs: number; hold(concurrency: number): number }[] = [
  // As many again as can run: while one half is being sent on, the other runs.
  { belowMs: 100, hold: (concurrency) => 2 * concurrency + 2 },
  { belowMs: 10, hold: () => 10 },
  { belowMs: 10, hold: () => 100 },
];

/** One more than can run at once; more in steps, only while the median call is fast. */
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
    const most = STEPS.filter(({ belowMs }) => median < belowMs).length;
    this.#level = Math.min(this.#level + 1, most);
  }

  /** Something waited long: as few as possible, until calls have been fast again. */
  slow(): void {
    this.#level = 0;
    this.#durations.length = 0;
  }

  /** Deliveries to hold at most. */
  get value(): number {
    if (this.fixed !== undefined) return this.fixed;
    const concurrency = this.concurrency();
    let most = concurrency + 1;
    // Asked for at every message: no arrays.
    for (let n = 0; n < this.#level; n++) most = Math.max(most, STEPS[n]!.hold(concurrency));
    return most;
  }
}
