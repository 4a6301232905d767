/** A message in a consumer's hands, on one channel. */

import type { ConsumeMessage } from "amqplib";
import { type Delivery, DeliveryLost } from "../queue.ts";
import type { Session } from "./session.ts";

/** Puts a body among the dead letters of the actor that it was meant for. */
export type Bury = (body: Uint8Array, messageId: string, reason: string) => Promise<void>;

/** The deliveries of this transport. */
export class HeldDelivery implements Delivery {
  readonly body: Uint8Array;
  readonly deliveries?: number;
  #settled = false;

  constructor(
    private readonly session: Session,
    readonly message: ConsumeMessage,
    private readonly bury: Bury,
  ) {
    this.body = message.content;
    const before = message.properties.headers?.["x-delivery-count"];
    if (typeof before === "number") this.deliveries = before + 1;
    else if (!message.fields.redelivered) this.deliveries = 1;
  }

  get lost(): boolean {
    return !this.session.alive;
  }

  /** Whether settling it now would reach this very message. */
  get held(): boolean {
    return !this.#settled && this.session.alive;
  }

  /** @throws DeliveryLost unless it is held */
  check(): void {
    if (this.held) return;
    throw new DeliveryLost(
      this.#settled
        ? "the message is settled already; nothing was changed"
        : `the channel of this delivery is gone (${this.session.whyEnded}), so the broker gives ` +
          "the message to somebody else; nothing was changed",
    );
  }

  /** @throws DeliveryLost */
  acknowledge(): void {
    this.check();
    this.#settled = true;
    this.session.acknowledge(this);
  }

  // deno-lint-ignore require-await -- so that what it throws comes as a rejection
  async release(): Promise<void> {
    this.check();
    this.#settled = true;
    this.session.release(this);
  }

  async deadLetter(reason: string): Promise<void> {
    this.check();
    await this.bury(this.body, this.message.properties.messageId ?? "", reason);
    this.acknowledge();
  }
}
