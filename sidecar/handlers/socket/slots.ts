/** A counting semaphore in order of arrival: no more calls at once than the runtime takes. */

/** Slots that callers take and give back. */
export class Slots {
  #free: number;
  #waiting: PromiseWithResolvers<void>[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Takes a slot, at once where one is free (then there is nothing to wait for).
   * @throws what {@linkcode close} was given
   */
  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn);
    return turn.promise;
  }

  /** Gives a slot back, to the one who has waited longest. */
  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next.resolve();
  }

  /** Turns away everybody who waits. */
  close(error: Error): void {
    for (const turn of this.#waiting.splice(0)) turn.reject(error);
  }
}
