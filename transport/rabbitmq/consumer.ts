/**
 * One `receive()`: a session at the broker whose limit follows the wish, and another one when the
 * connection is lost or the broker ends it.
 */

import type { ConsumeMessage } from "amqplib";
import type { Logger } from "@asya/telemetry";
import { Backoff, pause } from "../backoff.ts";
import { type Delivery, QueueMissing, TransportError, TransportUnavailable } from "../queue.ts";
import { type Bury, HeldDelivery } from "./delivery.ts";
import { HELD_BYTES } from "../limits.ts";
import type { Link } from "./link.ts";
import { DUE_HEADER } from "./publisher.ts";
import { Session } from "./session.ts";

/** How often the prefetch is asked for although nothing happens. */
const LOOK_MS = 500;
/** A limit is not raised more often than this: many small raises are many consumers. */
const GROW_MS = 100;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** A message that is not due is looked at again after this time when it cannot be parked. */
const PARK_AGAIN_MS = 1_000;

/** What a consumer needs. */
export interface ConsumerOptions {
  readonly actor: string;
  /** Name of the actor's queue. */
  readonly queue: string;
  readonly link: Link;
  readonly prefetch: () => number;
  readonly log: Logger;
  readonly bury: Bury;
  /** Sends a message that came before its time back to wait; false: not now. */
  readonly park: (message: ConsumeMessage, delayMs: number) => Promise<boolean>;
  /** It has ended and everything is settled. */
  readonly onFinished: () => void;
}

/** Receives the messages of one queue. */
export class Consumer {
  readonly #sessions = new Set<Session>();
  readonly #stop = new AbortController();
  #buffer: HeldDelivery[] = [];
  #error: unknown;
  #finished = false;
  #closed = false;
  #running: Promise<void> | undefined;
  /** Wakes who hands out deliveries. */
  #wakeReader: (() => void) | undefined;
  /** Wakes who keeps the limit. */
  #wakeKeeper: (() => void) | undefined;
  /** Size of a large message of late, in bytes. */
  #large = 1;

  constructor(private readonly o: ConsumerOptions) {}

  async *deliveries(signal: AbortSignal): AsyncGenerator<Delivery, void, void> {
    if (signal.aborted) return this.o.onFinished();
    const stop = () => this.#stop.abort();
    signal.addEventListener("abort", stop, { once: true });
    const timer = setInterval(() => this.#changed(), LOOK_MS);
    this.#running = this.#run();
    try {
      while (true) {
        const next = this.#stop.signal.aborted ? undefined : this.#buffer.shift();
        if (next !== undefined) yield next;
        else if (this.#error !== undefined) throw this.#error;
        else if (this.#finished) return;
        else await new Promise<void>((resolve) => this.#wakeReader = resolve);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#stop.abort();
      await this.#running;
      clearInterval(timer);
    }
  }

  /** Stops, and gives back everything that is not settled. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stop.abort();
    await Promise.all([...this.#sessions].map((session) => session.close()));
    await this.#running;
  }

  #changed = (): void => {
    for (const session of this.#sessions) if (session.gone) this.#sessions.delete(session);
    this.#wakeReader?.();
    this.#wakeKeeper?.();
    if (this.#finished && this.#sessions.size === 0) this.o.onFinished();
  };

  /** A message came or went: nothing to do, most of the time. */
  #moved(): void {
    if (this.#room() !== 0) this.#wakeKeeper?.();
  }

  /** How many more may be asked for; less than 0: too many are allowed already. */
  #room(): number {
    // In powers of two, so that a few bytes more or less change nothing.
    const byBytes = 2 ** Math.floor(Math.log2(Math.max(1, HELD_BYTES / this.#large)));
    let held = 0;
    for (const session of this.#sessions) {
      held += session.open ? session.allowed : session.unsettled.size;
    }
    return Math.min(Math.floor(this.o.prefetch()), byBytes, 65_535) - held;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    signal.addEventListener("abort", this.#changed);
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    try {
      while (!signal.aborted) {
        const began = performance.now();
        await this.#session();
        if (signal.aborted) break;
        if (performance.now() - began > LONGEST_PAUSE_MS) backoff.reset();
        await backoff.wait(signal);
      }
    } catch (error) {
      this.#error = error;
    } finally {
      signal.removeEventListener("abort", this.#changed);
      await this.#giveBack();
      this.#finished = true;
      this.#changed();
    }
  }

  /** From a channel's beginning to its end. @throws TransportError */
  async #session(): Promise<void> {
    const { link, queue, actor } = this.o;
    const { signal } = this.#stop;
    try {
      const model = await link.up(signal);
      const session = new Session(await model.createChannel(), queue, {
        message: (message, from) => this.#accept(message, from),
        settling: (one) => {
          if (one.open && one.consuming && this.#room() < 0) void one.shrink().catch(this.#changed);
        },
        settled: () => this.#moved(),
        changed: this.#changed,
      });
      this.#sessions.add(session);
      if (this.#closed) await session.close();
      await this.#consume(session);
      this.#buffer = this.#buffer.filter((delivery) => delivery.held);
      if (signal.aborted) return;
      const reason = session.whyEnded;
      this.o.log.warn("the broker ended the consumer; beginning again", { queue, reason });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TransportError) throw error;
      const { code, message } = error as { code?: number; message: string };
      if (code === 404) throw new QueueMissing(actor, { cause: error });
      if (code === undefined) return; // the connection was lost, and its link knows
      throw new TransportUnavailable(`cannot receive from queue ${queue}: ${message}`, {
        cause: error,
      });
    }
  }

  /** Keeps the session's limit as it is wanted, until the session ends. */
  async #consume(session: Session): Promise<void> {
    const { signal } = this.#stop;
    while (session.open) {
      if (signal.aborted) return await session.end();
      const room = this.#room();
      const settling = performance.now() - session.grewAt < GROW_MS;
      if (room < 0 && session.consuming) await session.shrink();
      else if (room > 0 && !(session.consuming && settling)) await session.grow(room);
      else await new Promise<void>((resolve) => this.#wakeKeeper = resolve);
    }
  }

  #accept(message: ConsumeMessage, session: Session): void {
    const delivery = new HeldDelivery(session, message, this.o.bury);
    session.unsettled.add(delivery);
    this.#large = Math.max(message.content.length, this.#large * 0.99);
    const due = message.properties.headers?.[DUE_HEADER];
    const early = typeof due === "number" ? due - Date.now() : 0;
    if (early > 0) return void this.#park(delivery, early);
    this.#buffer.push(delivery);
    this.#wakeReader?.();
    this.#moved();
  }

  /** It came because no delay is as long as the one that it wants. */
  async #park(delivery: HeldDelivery, delayMs: number): Promise<void> {
    const parked = await this.o.park(delivery.message, delayMs);
    if (!parked) await pause(PARK_AGAIN_MS, this.#stop.signal);
    if (!delivery.held) return;
    if (parked) delivery.acknowledge();
    else await delivery.release();
  }

  /** What nobody has taken out. */
  async #giveBack(): Promise<void> {
    for (const delivery of this.#buffer.splice(0)) if (delivery.held) await delivery.release();
  }
}
