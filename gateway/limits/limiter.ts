/** Who has used how much: within this process, of a bounded number of callers. */

import { type Bucket, take, type Taken } from "./bucket.ts";
import type { Rate } from "./rate.ts";

/** Callers remembered; whoever was not seen for longest is forgotten first. */
const MAX_CALLERS = 10_000;

/** The bounds of one caller; what is absent is not bounded. */
export interface Limits {
  /** Requests in a time. */
  readonly rate?: Rate | undefined;
  /** Requests in flight, streams among them. */
  readonly concurrent?: number | undefined;
}

interface Use {
  bucket?: Bucket;
  inFlight: number;
}

/** Whether a request may go on. */
export interface Entry {
  readonly refused?: "rate" | "concurrency";
  /** How the rate stands, where there is one. */
  readonly taken?: Taken;
  /** To be called once when the request is over; nothing where it was refused. */
  leave(): void;
}

/** Counts by name. */
export class Limiter {
  readonly #byName = new Map<string, Use>();
  readonly #max: number;

  /** @param max callers remembered */
  constructor(max: number = MAX_CALLERS) {
    this.#max = max;
  }

  /** How many callers are remembered. */
  get size(): number {
    return this.#byName.size;
  }

  /** Counts a request in, or refuses it. */
  enter(name: string, { rate, concurrent }: Limits, now: number): Entry {
    const nothing = () => {};
    if (rate === undefined && concurrent === undefined) return { leave: nothing };
    const use = this.#use(name);
    if (concurrent !== undefined && use.inFlight >= concurrent) {
      return { refused: "concurrency", leave: nothing };
    }
    const taken = rate && take(use.bucket, rate, now);
    if (taken !== undefined) use.bucket = taken.bucket;
    const told = taken === undefined ? {} : { taken };
    if (taken?.allowed === false) return { refused: "rate", ...told, leave: nothing };
    use.inFlight++;
    let left = false;
    return {
      ...told,
      leave() {
        if (!left) use.inFlight--;
        left = true;
      },
    };
  }

  #use(name: string): Use {
    const use = this.#byName.get(name) ?? { inFlight: 0 };
    this.#byName.delete(name); // to the end: a map keeps its order
    this.#byName.set(name, use);
    if (this.#byName.size > this.#max) this.#forget();
    return use;
  }

  /** Forgets the oldest that has nothing in flight, which would be counted wrong afterwards. */
  #forget(): void {
    for (const [name, { inFlight }] of this.#byName) {
      if (inFlight > 0) continue;
      this.#byName.delete(name);
      return;
    }
  }
}
