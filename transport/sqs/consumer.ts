/**
 * One `receive()`: asks for as many messages as it has room for, and keeps them until they are
 * taken out one by one.
 */

import { setImmediate } from "node:timers";
import type { Message } from "@aws-sdk/client-sqs";
import { Backoff } from "../backoff.ts";
import { HELD_BYTES } from "../limits.ts";
import { type Delivery, DeliveryLost, QueueMissing, TransportError } from "../queue.ts";
import { ATTRIBUTE, attributeOf, decode } from "./body.ts";
import { HeldDelivery } from "./delivery.ts";
import type { Engine } from "./engine.ts";
import { isMissing, unavailable } from "./errors.ts";
import type { Leases } from "./leases.ts";
import { CallFailed } from "./service.ts";

/** The most messages that one request brings. */
const POLL_COUNT = 10;
/** The most requests at once; more than one only while each of them comes back full. */
const POLLS = 4;
/** How often a full consumer asks whether its prefetch was raised. */
const FULL_MS = 50;
/**
 * How long a request goes on after the end, so that what it brings can be given back: what comes
 * for one that was cut off is out of everybody's sight until its time is over.
 */
const LATE_MS = 1_500;
/** What an answer may take longer than the time for which the service waits. */
const ANSWER_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/** Receives from one queue and hands out. */
export class Consumer {
  readonly #engine: Engine;
  readonly #actor: string;
  readonly #leases: Leases;
  readonly #prefetch: () => number;
  readonly #unsettled = new Set<HeldDelivery>();
  readonly #buffer: HeldDelivery[] = [];
  /** Aborted when nothing more is wanted. */
  readonly #stopped = new AbortController();
  /** Aborted when requests have had their time to end. */
  readonly #cut = new AbortController();
  readonly #polls = new Set<Promise<void>>();
  readonly #backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  #asked = 0;
  #plenty = false;
  #soon = false;
  #trouble: string | undefined;
  #wake: (() => void) | undefined;
  #look: ReturnType<typeof setTimeout> | undefined;
  #ending: Promise<void> | undefined;

  constructor(engine: Engine, actor: string, leases: Leases, prefetch: () => number) {
    this.#engine = engine;
    this.#actor = actor;
    this.#leases = leases;
    this.#prefetch = prefetch;
  }

  /** Why nothing comes, as far as it is known. */
  get trouble(): string | undefined {
    return this.#stopped.signal.aborted ? undefined : this.#trouble;
  }

  async *deliveries(signal: AbortSignal): AsyncGenerator<Delivery, void, void> {
    const stop = () => void this.stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) return;
      this.#fill();
      while (true) {
        const next = this.#buffer.shift();
        if (next !== undefined) yield next;
        else if (this.#stopped.signal.aborted) return;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      void this.stop();
    }
  }

  /**
   * Takes no more and gives back what nobody took out; resolves when that is done. What was taken
   * out can be settled.
   */
  stop(): Promise<void> {
    return this.#ending ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#look);
    this.#wake?.();
    const late = setTimeout(() => this.#cut.abort(), LATE_MS);
    const unwanted = this.#buffer.splice(0).map((delivery) => delivery.giveUp());
    await Promise.all([...unwanted, ...this.#polls]);
    clearTimeout(late);
  }

  #room(): number {
    let bytes = HELD_BYTES;
    for (const { body } of this.#unsettled) bytes -= body.length;
    const most = Math.ceil(bytes / this.#engine.sender.maxMessageBytes);
    const room = Math.floor(this.#prefetch()) - this.#unsettled.size;
    return Math.min(room, most) - this.#asked;
  }

  /** Asks for what there is room for. */
  #fill(): void {
    clearTimeout(this.#look);
    while (!this.#stopped.signal.aborted && this.#polls.size < (this.#plenty ? POLLS : 1)) {
      const count = Math.min(this.#room(), POLL_COUNT);
      if (count <= 0) break;
      const poll = this.#poll(count);
      this.#polls.add(poll);
      void poll.finally(() => {
        this.#polls.delete(poll);
        this.#fill();
      });
    }
    if (this.#polls.size === 0 && !this.#stopped.signal.aborted) {
      this.#look = setTimeout(() => this.#fill(), FULL_MS);
    }
  }

  async #poll(count: number): Promise<void> {
    this.#asked += count;
    try {
      const messages = await this.#receive(count);
      this.#plenty = messages.length === POLL_COUNT;
      this.#well();
      await this.#accept(messages);
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      this.#plenty = false;
      this.#unwell(error);
      await this.#backoff.wait(this.#stopped.signal);
    } finally {
      this.#asked -= count;
    }
  }

  async #receive(count: number): Promise<Message[]> {
    const { addresses, service, options: { visibilityS, waitS }, queueName } = this.#engine;
    const queue = queueName(this.#actor);
    const url = await addresses.url(queue);
    if (url === undefined) throw new QueueMissing(this.#actor);
    const input = {
      QueueUrl: url,
      MaxNumberOfMessages: count,
      VisibilityTimeout: visibilityS,
      WaitTimeSeconds: waitS,
      MessageSystemAttributeNames: ["ApproximateReceiveCount" as const],
      MessageAttributeNames: [ATTRIBUTE.encoding, ATTRIBUTE.due],
    };
    const rules = { attempts: 1, timeoutMs: waitS * 1000 + ANSWER_MS, signal: this.#cut.signal };
    try {
      const { Messages = [] } = await service.call((sqs, o) => sqs.receiveMessage(input, o), rules);
      return Messages;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (!isMissing(error.refusal)) {
        throw unavailable(`receive from ${queue}`, error.refusal);
      }
      addresses.forget(queue);
      throw new QueueMissing(this.#actor, { cause: error });
    }
  }

  async #accept(messages: readonly Message[]): Promise<void> {
    if (this.#stopped.signal.aborted) {
      await Promise.all(messages.map((m) => this.#leases.giveBack(m.ReceiptHandle ?? "")));
      return;
    }
    for (const message of messages) {
      const delivery = this.#hold(message);
      const due = Number(attributeOf(message, ATTRIBUTE.due) ?? 0);
      if (due > Date.now()) void this.#park(delivery, due);
      else this.#buffer.push(delivery);
    }
    this.#wake?.();
  }

  #hold(message: Message): HeldDelivery {
    const delivery: HeldDelivery = new HeldDelivery({
      body: decode(message),
      deliveries: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
      receipt: message.ReceiptHandle ?? "",
      leases: this.#leases,
      bury: (body, reason) => this.#engine.letters(this.#actor).bury(body, reason),
      done: () => {
        this.#unsettled.delete(delivery);
        this.#fillSoon();
      },
    });
    this.#unsettled.add(delivery);
    return delivery;
  }

  /** Sends what came before its time again, with the rest of its delay; nobody else sees it. */
  async #park(delivery: HeldDelivery, due: number): Promise<void> {
    const target = { actor: this.#actor, queue: this.#engine.queueName(this.#actor) };
    try {
      await delivery.settle(async () => {
        const sent = await this.#engine.sender.put(target, delivery.body, { due, unlimited: true });
        if (!sent.ok) throw sent.error;
        await delivery.delete();
      });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#engine.log.warn("a delayed message comes again before its time", { error });
      delivery.lose(new DeliveryLost("it was not due", { cause: error }));
    }
  }

  /** What is settled together is asked for together. */
  #fillSoon(): void {
    if (this.#soon || this.#stopped.signal.aborted) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      this.#fill();
    });
  }

  #well(): void {
    this.#backoff.reset();
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#engine.log.info("messages can be received again", { actor: this.#actor });
  }

  #unwell(error: unknown): void {
    if (!(error instanceof TransportError)) throw error;
    // where nobody answers the service has said so
    if (this.#trouble === undefined && this.#engine.service.trouble === undefined) {
      this.#engine.log.warn("cannot receive now; will try again", { actor: this.#actor, error });
    }
    this.#trouble = error.message;
  }
}
