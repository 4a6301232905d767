/** Many small operations, few round trips: what arrives while others are under way goes together. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { StoreUnavailable } from "../store.ts";

/** Operations waiting; more are refused. */
const MAX_WAITING = 10_000;
/** Characters that go together, beyond the first operation's own. */
const MAX_WEIGHT = 4 << 20;

/** How operations are gathered. */
export interface LaneOptions<J, R> {
  /** At most so many go together. */
  readonly batch: number;
  /** So many batches are under way at a time; with one, all is done in the order it came. */
  readonly width: number;
  /** Does them, with a result for each. It may be called again with one of them alone. */
  readonly run: (jobs: J[]) => Promise<R[]>;
  /** How many characters a job brings along. */
  readonly weigh?: (job: J) => number;
}

interface Entry<J, R> extends PromiseWithResolvers<R> {
  readonly job: J;
}

/** Gathers operations of one kind. */
export class Lane<J, R> {
  readonly #o: LaneOptions<J, R>;
  #waiting: Entry<J, R>[] = [];
  #running = new Set<Promise<void>>();
  /** Until it begins with what came in this turn of the event loop. */
  #turn: Promise<void> | undefined;

  constructor(options: LaneOptions<J, R>) {
    this.#o = options;
  }

  /** Resolves with the job's result. @throws StoreUnavailable, also where too many wait */
  add(job: J): Promise<R> {
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new StoreUnavailable("too much is waiting for the database"));
    }
    const entry = { job, ...Promise.withResolvers<R>() };
    this.#waiting.push(entry);
    if (this.#running.size < this.#o.width) this.#turn ??= this.#startNextTurn();
    return entry.promise;
  }

  /** Resolves when nothing is under way or waiting. */
  async idle(): Promise<void> {
    while (this.#running.size > 0 || this.#waiting.length > 0) {
      await Promise.all([this.#turn, ...this.#running]);
    }
  }

  async #startNextTurn(): Promise<void> {
    await nextTurn();
    this.#turn = undefined;
    this.#start();
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#running.size < this.#o.width) {
      const running = this.#run(this.#take()).finally(() => {
        this.#running.delete(running);
        this.#start();
      });
      this.#running.add(running);
    }
  }

  #take(): Entry<J, R>[] {
    const { batch, weigh } = this.#o;
    let count = 1;
    let weight = 0;
    while (weigh && count < Math.min(batch, this.#waiting.length) && weight <= MAX_WEIGHT) {
      weight += weigh(this.#waiting[count++]!.job);
    }
    return this.#waiting.splice(0, weigh ? count : batch);
  }

  async #run(entries: readonly Entry<J, R>[]): Promise<void> {
    try {
      const results = await this.#o.run(entries.map(({ job }) => job));
      entries.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (error) {
      if (error instanceof StoreUnavailable) {
        // The same would happen to those that wait, only later.
        for (const { reject } of [...entries, ...this.#waiting.splice(0)]) reject(error);
      } else if (entries.length > 1) {
        for (const entry of entries) await this.#run([entry]); // each alone tells which is at fault
      } else {
        entries[0]!.reject(error);
      }
    }
  }
}
