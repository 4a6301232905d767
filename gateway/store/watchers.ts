/** Who wants to know about new updates of which envelope, within this process. */

/** A set of callbacks by envelope id. */
export class Watchers {
  readonly #byId = new Map<string, Set<() => void>>();

  /** Adds a callback; returns the undo. */
  add(id: string, wake: () => void): () => void {
    const own = () => wake(); // the same function may watch twice
    const set = this.#byId.get(id) ?? new Set();
    this.#byId.set(id, set.add(own));
    return () => {
      set.delete(own);
      if (set.size === 0 && this.#byId.get(id) === set) this.#byId.delete(id);
    };
  }

  /** Calls everybody who watches this envelope. */
  wake(id: string): void {
    for (const wake of this.#byId.get(id) ?? []) wake();
  }

  /** Calls everybody. */
  wakeAll(): void {
    for (const id of [...this.#byId.keys()]) this.wake(id);
  }
}
