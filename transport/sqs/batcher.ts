/**
 * Groups entries of concurrent callers into batches: what comes while a batch is under way goes
 * into the next one, so that one request carries as many as there are without anybody waiting.
 */

import { setImmediate } from "node:timers";

/** What a batch may hold and how it is carried out. */
export interface BatchRules<Entry, Result> {
  /** The most entries in one batch. */
  readonly maxCount: number;
  /** The most bytes in one batch, unless a single entry has more. */
  readonly maxBytes: () => number;
  /** The most batches at once. A second one is begun only when it is full. */
  readonly parallel: number;
  /** What an entry adds to a batch. */
  readonly bytesOf: (entry: Entry) => number;
  /** Answers a result for each entry, in their order. */
  readonly run: (entries: readonly Entry[]) => Promise<readonly Result[]>;
}

interface Waiting<Entry, Result> {
  readonly entry: Entry;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** A line of entries. It grows no longer than its callers, who wait for their results, let it. */
export class Batcher<Entry, Result> {
  readonly #rules: BatchRules<Entry, Result>;
  #line: Waiting<Entry, Result>[] = [];
  #running = 0;
  #soon = false;

  constructor(rules: BatchRules<Entry, Result>) {
    this.#rules = rules;
  }

  /** The entry's result; rejects with what its batch failed with. */
  add(entry: Entry): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#line.push({ entry, resolve, reject });
      if (this.#soon) return;
      this.#soon = true;
      setImmediate(() => { // after everybody else who is ready to go on
        this.#soon = false;
        this.#start();
      });
    });
  }

  #start(): void {
    while (this.#line.length > 0 && this.#running < this.#rules.parallel) {
      const count = this.#next();
      const full = count < this.#line.length || count === this.#rules.maxCount;
      if (this.#running > 0 && !full) return;
      void this.#run(this.#line.splice(0, count));
    }
  }

  /** How many of the line go into the next batch. */
  #next(): number {
    const { maxCount, maxBytes, bytesOf } = this.#rules;
    const most = maxBytes();
    let bytes = 0;
    let count = 0;
    for (const { entry } of this.#line) {
      bytes += bytesOf(entry);
      if (count > 0 && bytes > most || count === maxCount) break;
      count++;
    }
    return count;
  }

  async #run(batch: readonly Waiting<Entry, Result>[]): Promise<void> {
    this.#running++;
    try {
      const results = await this.#rules.run(batch.map(({ entry }) => entry));
      batch.forEach(({ resolve }, i) => resolve(results[i]!));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#running--;
      this.#start();
    }
  }
}
