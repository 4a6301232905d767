/** A received message in a consumer's hands. */

import { type Delivery, DeliveryLost, type Outgoing } from "../queue.ts";
import type { Lease } from "./lease.ts";
import type { Leases } from "./leases.ts";
import { pause } from "../backoff.ts";

/** How long the end of the process waits for a settling that is under way, in ms. */
const LAST_MOMENT_MS = 2_000;

/** What a delivery is made of. */
export interface DeliveryParts {
  readonly body: Uint8Array;
  readonly deliveries: number;
  readonly receipt: string;
  readonly leases: Leases;
  /** Puts a body among the dead letters, durably. @throws TransportError */
  readonly bury: (body: Uint8Array, reason: string) => Promise<void>;
  /** Called once, when it is no longer held. */
  readonly done: () => void;
}

/** The deliveries of this transport. */
export class HeldDelivery implements Delivery {
  readonly body: Uint8Array;
  readonly deliveries: number;
  readonly receipt: string;
  readonly lease: Lease;
  readonly #parts: DeliveryParts;
  /** Successors that are durable although the message could not be deleted. */
  readonly #sent = new Set<Outgoing>();
  #buried = false;
  #over: DeliveryLost | undefined;
  /** Settling calls, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.body = parts.body;
    this.deliveries = parts.deliveries;
    this.receipt = parts.receipt;
    this.lease = parts.leases.lease();
    parts.leases.add(this);
  }

  get lost(): boolean {
    return !this.checkLease(performance.now());
  }

  release(): Promise<void> {
    return this.settle(async () => {
      this.#parts.leases.drop(this);
      await this.#parts.leases.release(this.receipt);
      this.#end(settled());
    });
  }

  deadLetter(reason: string): Promise<void> {
    return this.settle(async () => {
      if (!this.#buried) await this.#parts.bury(this.body, reason);
      this.#buried = true;
      await this.delete();
    });
  }

  /** Runs a step while this delivery is ours. @throws DeliveryLost */
  settle<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      this.#check();
      try {
        return await step();
      } catch (error) {
        if (error instanceof DeliveryLost) this.lose(error);
        throw error;
      }
    });
    this.#turn = result.catch(() => undefined); // its caller has the error
    return result;
  }

  /** The last step of settling. @throws DeliveryLost, TransportUnavailable */
  async delete(): Promise<void> {
    this.#check(); // what came before may have taken long
    await this.#parts.leases.delete(this.receipt);
    this.#end(settled());
  }

  /** Successors that must not be sent again. */
  get sent(): Set<Outgoing> {
    return this.#sent;
  }

  /** Somebody else has the message, or will have it. */
  lose(why: DeliveryLost): void {
    this.#end(why);
  }

  /** Whether it is still ours at that time; notes it where it is not. */
  checkLease(now: number): boolean {
    const why = this.lease.over(now);
    if (why !== undefined) this.lose(why);
    return this.#over === undefined;
  }

  /** Gives it back because the process lets go of it. */
  async giveUp(): Promise<void> {
    const end = new AbortController();
    await Promise.race([this.#turn, pause(LAST_MOMENT_MS, end.signal)]);
    end.abort();
    if (this.#over !== undefined) return;
    this.#end(settled());
    await this.#parts.leases.giveBack(this.receipt);
  }

  #check(): void {
    this.checkLease(performance.now());
    if (this.#over !== undefined) throw this.#over;
  }

  #end(why: DeliveryLost): void {
    if (this.#over !== undefined) return;
    this.#over = why;
    this.#parts.leases.drop(this);
    this.#parts.done();
  }
}

function settled(): DeliveryLost {
  return new DeliveryLost("the message was settled or given back already; nothing was changed");
}
