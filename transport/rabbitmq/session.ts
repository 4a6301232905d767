/**
 * One channel that consumes from one queue. A tag means something on its channel only, so a
 * delivery belongs to its session and is lost with it.
 *
 * A consumer's prefetch cannot be changed and a quorum queue knows no other limit, so the limit is
 * raised by another consumer on the channel, which keeps the order, and lowered by ending them all.
 */

import type { Channel, ConsumeMessage } from "amqplib";
import { Acknowledgements, type Held } from "./acknowledgements.ts";
import { closeChannel } from "./channel.ts";

/** What arrives at a session. */
export interface SessionEvents {
  /** A message came; to be added to `unsettled`. */
  message(message: ConsumeMessage, session: Session): void;
  /** A delivery is about to be settled: the time to lower the limit, if it is to be lowered. */
  settling(session: Session): void;
  /** A delivery was settled. */
  settled(): void;
  /** Something else changed: the limit, or the session ended. */
  changed(): void;
}

/** A channel with its consumers. */
export class Session {
  readonly startedAt = performance.now();
  /** Deliveries that are neither settled nor lost. */
  readonly unsettled = new Set<Held>();
  readonly #acknowledgements: Acknowledgements;
  /** Prefetch of each consumer by its tag. */
  readonly #windows = new Map<string, number>();
  #granted = 0;
  /** Tags of consumers that were ended, and how many of their deliveries are unsettled. */
  readonly #ended = new Set<string>();
  #orphans = 0;
  #grewAt = -Infinity;
  #growing: Promise<void> | undefined;
  #shrinking: Promise<void> | undefined;
  #state: "open" | "ending" | "closed" = "open";
  #closing: Promise<void> | undefined;
  #gone = false;
  #why = "its connection was lost";

  constructor(
    private readonly channel: Channel,
    private readonly queue: string,
    private readonly events: SessionEvents,
  ) {
    this.#acknowledgements = new Acknowledgements(channel, this.unsettled);
    channel.on("error", (error) => this.#why = error.message);
    channel.on("close", () => this.#closed());
  }

  /** Whether it can take messages. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** Whether what it delivered can be settled. */
  get alive(): boolean {
    return this.#state !== "closed";
  }

  /** Whether nothing is left of it, on either side. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Why it takes no more messages. */
  get whyEnded(): string {
    return this.#why;
  }

  /** The most that the broker may give us at once, and what it gave before that was lowered. */
  get allowed(): number {
    return this.#granted + this.#orphans;
  }

  /** Whether any consumer is there. */
  get consuming(): boolean {
    return this.#granted > 0;
  }

  /** When `grow` was last called, as `performance.now()`. */
  get grewAt(): number {
    return this.#grewAt;
  }

  /** Takes so many more at once. Rejects as the library does. */
  grow(count: number): Promise<void> {
    return this.#growing = this.#grow(count);
  }

  async #grow(count: number): Promise<void> {
    this.#grewAt = performance.now();
    if (this.#orphans === 0) this.#ended.clear();
    await this.channel.prefetch(count);
    const { consumerTag } = await this.channel.consume(this.queue, (message) => {
      if (message !== null) return this.events.message(message, this);
      this.#why = "the broker cancelled the consumer";
      this.#windows.clear();
      void this.end();
    });
    this.#windows.set(consumerTag, count);
    this.#granted += count;
    this.events.changed();
  }

  /** Takes no more until it is told to grow again. Rejects as the library does. */
  shrink(): Promise<void> {
    return this.#shrinking ??= this.#shrink().finally(() => this.#shrinking = undefined);
  }

  async #shrink(): Promise<void> {
    await this.#growing;
    for (const tag of [...this.#windows.keys()]) {
      await this.channel.cancel(tag);
      this.#windows.delete(tag);
      this.#ended.add(tag);
    }
    this.#granted = 0;
    this.#orphans = this.unsettled.size;
    this.events.changed();
  }

  /** Takes no more messages; closes the channel when the last delivery is settled. */
  async end(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "ending";
    try {
      await this.shrink();
      if (this.#done) await this.close();
    } catch {
      this.#closed(); // the channel went away meanwhile, and so did its consumers
    }
    this.events.changed();
  }

  /**
   * Closes the channel: the broker takes back everything that is unsettled. Resolves when it has
   * read what was settled before, or the connection is gone.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.#shrinking?.catch(() => undefined); // what is being settled waits for it, too
    if (this.#gone) return;
    this.#acknowledgements.send();
    this.#why = "it was closed";
    this.#state = "closed";
    this.unsettled.clear();
    this.events.changed();
    const { patienceMs } = this.#acknowledgements;
    if (patienceMs > 0) await new Promise((resolve) => setTimeout(resolve, patienceMs));
    await closeChannel(this.channel);
    this.#closed();
  }

  /** Tells the broker that a delivery is done with. */
  acknowledge(delivery: Held): void {
    this.#settle(delivery, "acknowledge");
  }

  /** Has the broker deliver it again. */
  release(delivery: Held): void {
    this.#settle(delivery, "release");
  }

  /**
   * Settles a delivery; not before consumers that are being ended have ended, or the broker would
   * put another message in its place.
   */
  #settle(delivery: Held, how: "acknowledge" | "release"): void {
    this.events.settling(this);
    if (this.#shrinking === undefined) this.#settleNow(delivery, how);
    else void this.#settleAfter(this.#shrinking, delivery, how);
  }

  async #settleAfter(
    shrinking: Promise<void>,
    delivery: Held,
    how: "acknowledge" | "release",
  ): Promise<void> {
    try {
      await shrinking;
      this.#settleNow(delivery, how);
    } catch {
      this.#closed(); // the channel went away, and the broker delivers the message again
    }
  }

  #settleNow(delivery: Held, how: "acknowledge" | "release"): void {
    if (!this.alive) return; // the broker delivers it again
    this.unsettled.delete(delivery);
    if (how === "acknowledge") this.#acknowledgements.add(delivery);
    else this.channel.nack(delivery.message, false, true);
    if (this.#ended.has(delivery.message.fields.consumerTag)) this.#orphans--;
    this.events.settled();
    if (this.#done) void this.close();
  }

  /** Whether nothing is to come any more, and nothing has to be settled. */
  get #done(): boolean {
    return this.#state === "ending" && this.unsettled.size === 0;
  }

  #closed(): void {
    this.#gone = true;
    this.#state = "closed";
    this.#acknowledgements.clear();
    this.unsettled.clear();
    this.events.changed();
  }
}
