/** The queue of one actor, as calls on the engine that all queues of the process share. */

import {
  type DeadLetters,
  type Delivery,
  type Depth,
  type Outgoing,
  type Queue,
  QueueMissing,
  type SendResult,
  TransportUnavailable,
} from "../queue.ts";
import { Consumer } from "./consumer.ts";
import { HeldDelivery } from "./delivery.ts";
import type { Engine } from "./engine.ts";
import { Leases } from "./leases.ts";

const COUNTS = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
] as const;

/** {@linkcode Queue} on SQS. */
export class SqsQueue implements Queue {
  readonly #engine: Engine;
  readonly #actor: string;
  readonly #consumers = new Set<Consumer>();
  /** One for all that is received. */
  #leases: Leases | undefined;
  #closing: Promise<void> | undefined;

  constructor(engine: Engine, actor: string) {
    this.#engine = engine;
    this.#actor = actor;
  }

  get maxMessageBytes(): number {
    return this.#engine.sender.maxMessageBytes;
  }

  get trouble(): string | undefined {
    const { service } = this.#engine;
    if (service.trouble !== undefined) return service.trouble;
    for (const { trouble } of this.#consumers) if (trouble !== undefined) return trouble;
    return undefined;
  }

  async *receive(
    { prefetch, signal }: { prefetch: () => number; signal: AbortSignal },
  ): AsyncGenerator<Delivery, void, void> {
    if (signal.aborted || this.#closing !== undefined) return;
    const url = await this.#urlOf(this.#actor);
    if (this.#closing !== undefined) return;
    const consumer = new Consumer(this.#engine, this.#actor, this.#leasesAt(url), prefetch);
    this.#consumers.add(consumer);
    this.#engine.receiving.add(this);
    try {
      yield* consumer.deliveries(signal);
    } finally {
      void consumer.stop().finally(() => this.#consumers.delete(consumer));
    }
  }

  async complete(delivery: Delivery, out: readonly Outgoing[]): Promise<SendResult[]> {
    if (!(delivery instanceof HeldDelivery)) throw new TypeError("not a delivery of this queue");
    return await delivery.settle(async () => {
      const { sent } = delivery;
      const results = await this.#sendMissing(out, sent);
      if (results.some((result) => !result.ok)) return results;
      try {
        await delivery.delete();
        return results;
      } catch (error) {
        if (!(error instanceof TransportUnavailable) || out.length === 0) throw error;
        for (const entry of out) sent.add(entry);
        return out.map(() => ({ ok: false, error }));
      }
    });
  }

  /** Sends what is not durable yet. */
  async #sendMissing(out: readonly Outgoing[], sent: ReadonlySet<Outgoing>): Promise<SendResult[]> {
    const results = await this.#engine.sender.send(out.filter((entry) => !sent.has(entry)));
    return out.map((entry) => sent.has(entry) ? { ok: true } : results.shift()!);
  }

  send(out: readonly Outgoing[]): Promise<SendResult[]> {
    return this.#engine.sender.send(out);
  }

  declare(actor: string): Promise<void> {
    const { addresses, queueName, options } = this.#engine;
    return addresses.create(queueName(actor), options.visibilityS);
  }

  async depth(actor: string): Promise<Depth> {
    const { addresses, queueName } = this.#engine;
    const counts = await addresses.attributes(queueName(actor), await this.#urlOf(actor), COUNTS);
    if (counts === undefined) throw new QueueMissing(actor);
    const [ready, inFlight, delayed] = COUNTS.map((name) => Number(counts[name] ?? 0));
    return { ready: ready!, inFlight: inFlight!, delayed: delayed! };
  }

  deadLetters(actor: string): DeadLetters {
    return this.#engine.letters(actor);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Requests end first: they would take what is given back. */
  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await this.#leases?.close();
    this.#engine.receiving.delete(this);
  }

  /** @throws QueueMissing, TransportUnavailable */
  async #urlOf(actor: string): Promise<string> {
    const url = await this.#engine.addresses.url(this.#engine.queueName(actor));
    if (url === undefined) throw new QueueMissing(actor);
    return url;
  }

  #leasesAt(url: string): Leases {
    const { service, log, queueName, options: { visibilityS, limits } } = this.#engine;
    const queue = queueName(this.#actor);
    const { maxHoldMs } = limits;
    return this.#leases ??= new Leases({ service, queue, url, visibilityS, maxHoldMs, log });
  }
}
