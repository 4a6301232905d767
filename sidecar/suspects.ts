/** Envelopes that were in flight when the handler died: one of them may be why. */

/** So many are remembered; an older one that kills again is only found again. */
const MAX_SUSPECTS = 1_000;

/** A bounded set of ids, the oldest forgotten first. */
export class Suspects {
  readonly #ids = new Set<string>();

  /** It was there. */
  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= MAX_SUSPECTS) return;
    const { value } = this.#ids.values().next();
    if (value !== undefined) this.#ids.delete(value);
  }

  /** Whether it is to run alone. */
  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** It got through without harm. */
  delete(id: string): void {
    this.#ids.delete(id);
  }
}
