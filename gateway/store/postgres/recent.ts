/**
 * What this gateway wrote last of each envelope, so that it need not be read back: the next change
 * is decided on it, and whoever follows the envelope is given its updates. It is never trusted with
 * more than that: a change counts only where the row still has the version it was decided on, and
 * what another gateway announces is forgotten here.
 */

import type { EnvelopeRecord } from "../../envelopes/record.ts";
import type { StoredUpdate } from "../store.ts";

/** Envelopes kept, those written last. */
const MAX_ENVELOPES = 1_000;
/** Characters of updates kept of one envelope; longer ones are read. */
const MAX_TAIL = 16_384;

/** A row as it was written. */
export interface Written {
  readonly record: EnvelopeRecord;
  /** The row's version. */
  readonly version: number;
  /** How many updates the envelope has. */
  readonly seq: number;
  /** All updates behind number `after`; absent where they are not known. */
  readonly tail?: { readonly after: number; readonly updates: readonly StoredUpdate[] };
}

function weight(updates: readonly StoredUpdate[]): number {
  return updates.reduce((sum, { data, result = "" }) => sum + data.length + result.length, 0);
}

/** A bounded number of rows by the envelopes' ids. */
export class Recent {
  readonly #rows = new Map<string, Written>();

  constructor(private readonly max: number = MAX_ENVELOPES) {}

  /** Remembers a row that is committed. */
  wrote(row: Written): void {
    const { tail, ...head } = row;
    const { id } = row.record;
    this.#rows.delete(id); // a map keeps the order of insertion: the oldest is the first
    this.#rows.set(id, tail && weight(tail.updates) <= MAX_TAIL ? row : head);
    if (this.#rows.size > this.max) this.#rows.delete(this.#rows.keys().next().value!);
  }

  /** The row, which may be out of date. */
  row(id: string): Written | undefined {
    return this.#rows.get(id);
  }

  /** Updates behind number `after`, one at least, as far as has been heard; `undefined`: read them. */
  updates(id: string, after: number, limit: number): StoredUpdate[] | undefined {
    const tail = this.#rows.get(id)?.tail;
    if (tail?.after !== after || tail.updates.length === 0) return undefined;
    return tail.updates.slice(0, limit);
  }

  /** Another gateway has written this one. */
  forget(id: string): void {
    this.#rows.delete(id);
  }

  /** Others may have written without our hearing of it. */
  forgetAll(): void {
    this.#rows.clear();
  }
}
