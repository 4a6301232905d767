/** The queue of one actor at the broker. */

import type { Channel, ChannelModel } from "amqplib";
import {
  type DeadLetters,
  type Delivery,
  type Depth,
  type Outgoing,
  type Queue,
  QueueMissing,
  type SendResult,
  TransportError,
  TransportUnavailable,
} from "../queue.ts";
import { Consumer } from "./consumer.ts";
import { AT_HEADER, KEY_HEADER, QueuedDeadLetters, REASON_HEADER } from "./dead_letters.ts";
import { withChannel } from "./channel.ts";
import { declareQueue } from "./declare.ts";
import { HeldDelivery } from "./delivery.ts";
import type { Broker } from "./open.ts";

/** How long a question to the broker waits for a connection. */
const PATIENCE_MS = 5_000;
/** Headers are small: the longest reason that is kept. */
const REASON_CHARS = 2_000;
/** The dead letters of every actor of an older system. */
const SHARED_DEAD_LETTERS = "asya-dlq";

/** {@linkcode Queue} at RabbitMQ. */
export class RabbitmqQueue implements Queue {
  readonly #consumers = new Set<Consumer>();

  constructor(private readonly broker: Broker, private readonly actor: string) {}

  get maxMessageBytes(): number {
    return this.broker.publisher.maxMessageBytes;
  }

  get trouble(): string | undefined {
    return this.broker.publisher.trouble ?? this.broker.consuming.trouble;
  }

  receive(
    { prefetch, signal }: { prefetch: () => number; signal: AbortSignal },
  ): AsyncIterable<Delivery> {
    const { actor, broker: { names, consuming, consumers, log } } = this;
    const consumer = new Consumer({
      actor,
      queue: names.queue(actor),
      link: consuming,
      prefetch,
      log,
      bury: (body, messageId, reason) => this.#bury(body, messageId, reason),
      park: async ({ content, properties }, delayMs) => {
        const messageId = properties.messageId ?? "";
        const [result] = await this.send([{ actor, body: content, messageId, delayMs }]);
        return result!.ok;
      },
      onFinished: () => {
        this.#consumers.delete(consumer);
        consumers.delete(consumer);
      },
    });
    this.#consumers.add(consumer);
    consumers.add(consumer);
    return consumer.deliveries(signal);
  }

  async complete(delivery: Delivery, out: readonly Outgoing[]): Promise<SendResult[]> {
    if (!(delivery instanceof HeldDelivery)) throw new TypeError("not a delivery of this queue");
    delivery.check();
    const results = await this.send(out);
    if (results.every((result) => result.ok)) delivery.acknowledge();
    return results;
  }

  async send(out: readonly Outgoing[]): Promise<SendResult[]> {
    const { exchange, names, publisher } = this.broker;
    const sent = out.map(({ actor, body, messageId, delayMs }) => {
      const routingKey = names.key(actor);
      return publisher.send({ actor, exchange, routingKey, body, messageId, delayMs });
    });
    const results: SendResult[] = [];
    for (const one of sent) results.push(await one); // none of them rejects
    return results;
  }

  async declare(actor: string): Promise<void> {
    const { names, exchange, queueArguments, log } = this.broker;
    const plan = {
      exchange,
      routingKey: names.key(actor),
      queue: names.queue(actor),
      deadLetters: { queue: names.deadLetters(actor) },
      arguments: queueArguments,
    };
    await this.#about(actor, (model) => declareQueue(model, plan, log));
  }

  async depth(actor: string): Promise<Depth> {
    const { names } = this.broker;
    const { messageCount: ready } = await this.#ask(
      actor,
      (channel) => channel.checkQueue(names.queue(actor)),
    );
    return { ready };
  }

  deadLetters(actor: string): DeadLetters {
    const { names } = this.broker;
    return new QueuedDeadLetters({
      actor,
      queues: [names.deadLetters(actor), SHARED_DEAD_LETTERS],
      model: () => this.#model(),
      send: async (body, messageId) => {
        const [result] = await this.send([{ actor, body, messageId }]);
        if (!result!.ok) throw result!.error;
      },
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
  }

  async #bury(body: Uint8Array, messageId: string, reason: string): Promise<void> {
    const { names, publisher, autoCreate } = this.broker;
    const headers = {
      [KEY_HEADER]: crypto.randomUUID(),
      [REASON_HEADER]: reason.slice(0, REASON_CHARS),
      [AT_HEADER]: Date.now(),
    };
    const own = names.deadLetters(this.actor);
    const put = (routingKey: string) =>
      publisher.send({ actor: this.actor, exchange: "", routingKey, body, messageId, headers });
    let result = await put(own);
    if (isMissing(result)) result = await put(SHARED_DEAD_LETTERS);
    if (isMissing(result) && autoCreate) {
      await this.declare(this.actor);
      result = await put(own);
    }
    if (result.ok) return;
    if (!isMissing(result)) throw result.error;
    throw new TransportUnavailable(
      `there is no queue for dead letters; create ${own}, or set ASYA_QUEUE_AUTO_CREATE`,
    );
  }

  /** @throws QueueMissing, TransportUnavailable */
  #ask<T>(actor: string, errand: (channel: Channel) => Promise<T>): Promise<T> {
    return this.#about(actor, (model) => withChannel(model, errand));
  }

  /** @throws QueueMissing, TransportUnavailable */
  async #about<T>(actor: string, errand: (model: ChannelModel) => Promise<T>): Promise<T> {
    try {
      return await this.#on(errand);
    } catch (error) {
      const { cause } = error as { readonly cause?: { readonly code?: number } };
      if (cause?.code === 404) throw new QueueMissing(actor, { cause });
      throw error;
    }
  }

  /** @throws TransportUnavailable, its cause the broker's refusal */
  async #on<T>(errand: (model: ChannelModel) => Promise<T>): Promise<T> {
    try {
      return await errand(await this.#model());
    } catch (error) {
      throw asTransportError(error);
    }
  }

  #model() {
    return this.broker.consuming.up(AbortSignal.timeout(PATIENCE_MS));
  }
}

function isMissing(result: SendResult): boolean {
  return !result.ok && result.error instanceof QueueMissing;
}

function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TransportUnavailable(`RabbitMQ refused: ${message}`, { cause: error });
}
