/** One transaction in the making: what its steps note down counts only when it commits. */

import type { Consumer } from "./consumer.ts";
import type { HeldDelivery } from "./delivery.ts";

/** Handed to every step of a transaction. */
export class Turn {
  /** Queues that have more to give when this commits. */
  readonly woken = new Set<number>();
  /** The deliveries that each consumer is rid of when this commits. */
  readonly freed = new Map<Consumer, Set<HeldDelivery>>();
  readonly #afterwards: (() => void)[] = [];

  free(consumer: Consumer, delivery: HeldDelivery): void {
    const set = this.freed.get(consumer);
    if (set === undefined) this.freed.set(consumer, new Set([delivery]));
    else set.add(delivery);
    this.whenCommitted(() => consumer.unsettled.delete(delivery));
  }

  /** Calls `then` when the transaction is committed, and never if it is not. */
  whenCommitted(then: () => void): void {
    this.#afterwards.push(then);
  }

  /** Called once, by the committer. */
  committed(): void {
    for (const then of this.#afterwards) then();
  }
}
