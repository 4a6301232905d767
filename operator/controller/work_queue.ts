/**
 * Keys to be worked on: each once however often it is added, one at a time by itself, a bounded
 * number at once, after a failure again with growing pauses. News ends such a pause early, though not
 * at once: what fails may itself be what makes the news.
 */

/** The clock and the alarm, for tests. */
export interface Timers {
  /** Calls back after so many milliseconds; the answer takes it back. */
  after(ms: number, call: () => void): () => void;
}

/** Those of the machine. */
export const TIMERS: Timers = {
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** What a queue does with its keys. */
export interface WorkQueueOptions {
  /** Works on a key; an answer is the time after which to do so again, in ms. A rejection is a failure. */
  readonly work: (key: string) => Promise<number | void>;
  /** How many at once. */
  readonly workers: number;
  /** Pause after the first failure, in ms; doubled with each further one. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** After a failure a key rests at least so long, or its whole pause, whatever is news meanwhile. */
  readonly restMs: number;
  readonly timers?: Timers;
  /** Told of every failure, how many there were in a row, and when it is tried again. */
  readonly onFailure: (key: string, error: unknown, failures: number, againMs: number) => void;
}

/** See the top of the file. */
export class WorkQueue {
  readonly #o: WorkQueueOptions;
  readonly #timers: Timers;
  /** In the order of their adding. */
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** Added while they were worked on, or rested. */
  readonly #again = new Set<string>();
  readonly #later = new Map<string, () => void>();
  readonly #failures = new Map<string, number>();
  /** Failed a moment ago. */
  readonly #resting = new Set<string>();
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#o = options;
    this.#timers = options.timers ?? TIMERS;
  }

  /** Keys that wait for a worker. */
  get length(): number {
    return this.#waiting.size;
  }

  /** Asks for work on a key, as soon as a worker is free. */
  add(key: string): void {
    if (this.#stopped) return;
    if (this.#running.has(key) || this.#resting.has(key)) this.#again.add(key);
    else {
      this.#waiting.add(key);
      this.#fill();
    }
  }

  /** Ends: what is being worked on is worked on to its end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    for (const cancel of this.#later.values()) cancel();
    this.#later.clear();
    await Promise.all(this.#running.values());
  }

  #fill(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#o.workers) return;
      this.#waiting.delete(key);
      this.#running.set(key, this.#work(key));
    }
  }

  async #work(key: string): Promise<void> {
    this.#cancel(key);
    let againMs: number | void;
    try {
      againMs = await this.#o.work(key);
      this.#failures.delete(key);
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const { firstPauseMs, longestPauseMs, onFailure } = this.#o;
      againMs = Math.min(firstPauseMs * 2 ** Math.min(failures - 1, 30), longestPauseMs);
      onFailure(key, error, failures, againMs);
    }
    this.#running.delete(key);
    if (this.#stopped) return;
    if (this.#failures.has(key)) this.#rest(key, againMs!);
    else if (this.#again.delete(key)) this.#waiting.add(key);
    else if (againMs !== undefined) this.#addLater(key, againMs);
    this.#fill();
  }

  #rest(key: string, againMs: number): void {
    const restMs = Math.min(this.#o.restMs, againMs);
    this.#resting.add(key);
    const cancel = this.#timers.after(restMs, () => {
      this.#later.delete(key);
      this.#resting.delete(key);
      if (this.#again.delete(key) || againMs === restMs) this.add(key);
      else this.#addLater(key, againMs - restMs);
    });
    this.#later.set(key, cancel);
  }

  #addLater(key: string, ms: number): void {
    const cancel = this.#timers.after(ms, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, cancel);
  }

  /** What is worked on now needs no later date. */
  #cancel(key: string): void {
    this.#later.get(key)?.();
    this.#later.delete(key);
  }
}
