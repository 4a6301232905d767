/** A claimed message in a consumer's hands. */

import { type Delivery, DeliveryLost, TransportUnavailable } from "../queue.ts";
import type { Consumer } from "./consumer.ts";
import type { Engine } from "./engine.ts";
import type { Claim, Claimed } from "./store.ts";
import type { Turn } from "./turn.ts";

/** The deliveries of this transport. */
export class HeldDelivery implements Delivery {
  readonly body: Uint8Array;
  readonly deliveries: number;
  readonly claim: Claim;
  readonly #consumer: Consumer;
  readonly #engine: Engine;

  constructor(engine: Engine, consumer: Consumer, { body, deliveries, id, owner, token }: Claimed) {
    this.#engine = engine;
    this.#consumer = consumer;
    this.body = body;
    this.deliveries = deliveries;
    this.claim = { id, owner, token };
  }

  /** Only the file knows who holds it now, and it is asked when this is settled. */
  readonly lost = false;

  /** The number of the queue that it came from. */
  get queue(): number {
    return this.#consumer.queue;
  }

  async release(): Promise<void> {
    try {
      await this.settle(false, 0, (turn) => {
        this.#engine.store.giveBack(this.claim);
        turn.woken.add(this.queue);
        this.settled(turn);
      });
    } catch (error) {
      if (!(error instanceof TransportUnavailable)) throw error;
      await this.#engine.giveBack([this]); // nobody waits for it: it may take its time
    }
  }

  deadLetter(reason: string): Promise<void> {
    return this.settle(true, this.body.length, (turn) => {
      this.#engine.store.bury(this.claim, reason, this.#engine.now());
      this.settled(turn);
    });
  }

  /** Runs a step in which this delivery is ours. @throws DeliveryLost */
  settle<T>(durable: boolean, bytes: number, run: (turn: Turn) => T): Promise<T> {
    if (this.#engine.closed) return Promise.reject(lost());
    return this.#engine.commits.submit({
      durable,
      bytes,
      run: (turn) => {
        if (this.#engine.store.holds(this.claim)) return run(turn);
        this.settled(turn);
        throw lost();
      },
    });
  }

  /** Notes that the consumer has room for another one. */
  settled(turn: Turn): void {
    turn.free(this.#consumer, this);
  }
}

function lost(): DeliveryLost {
  return new DeliveryLost(
    "the message is not held by this delivery any more (settled, or given to somebody else); " +
      "nothing was changed",
  );
}
