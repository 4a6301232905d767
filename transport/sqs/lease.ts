/** Until when a message is ours, as far as this process can know. */

import { DeliveryLost } from "../queue.ts";

/** The time that the service keeps one message from others. Times are those of `performance.now()`. */
export class Lease {
  readonly #visibilityS: number;
  readonly #maxHoldMs: number;
  #extendedAt: number;
  /** When it is over unless it is extended. */
  #until: number;
  /** When it cannot be extended any more. */
  #end: number;
  #extending = false;

  /** `visibilityS`: how long it holds from now; `maxHoldMs`: the longest that it can be made. */
  constructor(visibilityS: number, maxHoldMs: number, now = performance.now()) {
    this.#visibilityS = visibilityS;
    this.#maxHoldMs = maxHoldMs;
    this.#extendedAt = now;
    this.#end = now + maxHoldMs;
    // a tenth less: the service has counted since it sent the message, which was a little earlier
    this.#until = Math.min(now + visibilityS * 900, this.#end);
  }

  /** Why the message is not ours any more; undefined while it is. */
  over(now = performance.now()): DeliveryLost | undefined {
    if (now < this.#until) return undefined;
    // the service counts in whole seconds: the last of them may not be had
    if (this.#end - this.#until >= 1000) {
      return new DeliveryLost(
        `no sign of life reached SQS for ${this.#visibilityS} s (ASYA_SQS_VISIBILITY_TIMEOUT), ` +
          "so it gives the message to somebody else; nothing was changed",
      );
    }
    const hours = Math.round(this.#maxHoldMs / 3_600_000);
    return new DeliveryLost(
      `SQS lets nobody hold a message for more than ${hours} hours, so it gives it to somebody ` +
        "else; nothing was changed. Split the work, or move it out of the handler",
    );
  }

  /** Whether it is time to extend it, so that it happens within a third of its time. */
  due(now: number): boolean {
    return !this.#extending && now - this.#extendedAt >= this.#visibilityS * 300;
  }

  /** Has `ask` extend it by so many seconds, as far as it may be extended. */
  async extend(now: number, ask: (seconds: number) => Promise<boolean>): Promise<void> {
    const seconds = Math.min(this.#visibilityS, Math.floor((this.#end - now) / 1000));
    if (seconds < 1 || this.#extending) return;
    this.#extending = true;
    try {
      if (!await ask(seconds)) return;
      this.#extendedAt = now;
      this.#until = Math.max(this.#until, now + seconds * 1000);
    } finally {
      this.#extending = false;
    }
  }

  /** The service does not extend it any more. */
  endsHere(): void {
    this.#end = Math.min(this.#end, this.#until);
  }
}
