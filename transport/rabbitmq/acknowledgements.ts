/**
 * What of a channel is acknowledged, sent together: one frame for everything before the oldest
 * delivery that is still unsettled.
 *
 * Each frame is a command that a quorum queue replicates. With more than 32 of them on their way
 * the broker's channel keeps the others back, and forgets them when it is closed (RabbitMQ 3.10,
 * `rabbit_fifo_client`); so one that has just sent many is given time before.
 */

import { setImmediate } from "node:timers";
import type { Channel, ConsumeMessage, MessageFields } from "amqplib";

/** A delivery as a session knows it. */
export interface Held {
  readonly message: ConsumeMessage;
}

const FRAMES_ON_THEIR_WAY = 32;
/** How long a broker may take to replicate a command before some of them are forgotten. */
const REPLICATED_MS = 100;

/** The acknowledgements of one channel that are not sent yet. */
export class Acknowledgements {
  #tags: number[] = [];
  /** When the last frames were sent, as `performance.now()`; the oldest is at `#next`. */
  readonly #sentAt = new Float64Array(FRAMES_ON_THEIR_WAY).fill(-Infinity);
  #next = 0;

  /** @param unsettled the channel's deliveries that are not settled, in the order they came in */
  constructor(
    private readonly channel: Channel,
    private readonly unsettled: ReadonlySet<Held>,
  ) {}

  /** Acknowledges a delivery that is no longer unsettled, when this turn of the event loop ends. */
  add({ message }: Held): void {
    if (this.#tags.push(message.fields.deliveryTag) === 1) setImmediate(() => this.send());
  }

  /** Sends what there is. */
  send(): void {
    if (this.#tags.length === 0) return;
    const [oldest] = this.unsettled;
    const before = oldest?.message.fields.deliveryTag ?? Infinity;
    let last = 0;
    for (const tag of this.#tags.splice(0)) {
      if (tag > before) this.#acknowledge(tag, false);
      else if (tag > last) last = tag;
    }
    if (last > 0) this.#acknowledge(last, true);
  }

  /** How long to wait before the channel is closed, in milliseconds. */
  get patienceMs(): number {
    return Math.max(0, this.#sentAt[this.#next]! + REPLICATED_MS - performance.now());
  }

  /** Forgets what there is: the channel is gone. */
  clear(): void {
    this.#tags = [];
  }

  #acknowledge(deliveryTag: number, allBefore: boolean): void {
    this.#sentAt[this.#next] = performance.now();
    this.#next = (this.#next + 1) % FRAMES_ON_THEIR_WAY;
    this.channel.ack({ fields: { deliveryTag } as MessageFields } as ConsumeMessage, allBefore);
  }
}
