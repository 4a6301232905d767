/**
 * The broker that figures are measured on, and bare access to queues that the system has made
 * there, so that the bare relay and ours run on queues with the same arguments.
 */

import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { encodeEnvelope } from "@asya/envelope";
import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { openTransport, queueName, routingKey, TRANSPORT_SETTINGS } from "@asya/transport";

/** What the system's processes and the bare ones publish to. */
export const EXCHANGE = "asya-bench";
const LOOK_MS = 10;
/** Nothing that is waited for here takes so long. */
const PATIENCE_MS = 60_000;
/** Bytes that may wait for their confirmations; more would only fill this process's memory. */
const WINDOW_BYTES = 8 * 2 ** 20;
const WINDOW = 500;

/** A broker, a private one or one that was there. */
export interface RunningBroker extends AsyncDisposable {
  readonly url: string;
}

/** `ASYA_TEST_RABBITMQ_URL` where it is set, else a private RabbitMQ. */
export async function broker(): Promise<RunningBroker> {
  const url = Deno.env.get("ASYA_TEST_RABBITMQ_URL");
  if (url) return { url, [Symbol.asyncDispose]: () => Promise.resolve() };
  const { startRabbitmq } = await import("../../tools/services/rabbitmq.ts");
  return await startRabbitmq();
}

/** One part of the figures on a broker: its queues have a prefix of their own. */
export class Scene implements AsyncDisposable {
  readonly #actors = new Set<string>();

  private constructor(
    readonly url: string,
    private readonly prefix: string,
    private readonly model: ChannelModel,
    /** For whatever a part wants to do by hand. */
    readonly channel: ConfirmChannel,
  ) {}

  /** Opens a connection; `name` keeps the parts of a run apart. */
  static async open(url: string, name: string): Promise<Scene> {
    const model = await connect(url, { noDelay: true });
    const channel = await model.createConfirmChannel();
    return new Scene(url, `bench-${Deno.pid}-${name}`, model, channel);
  }

  /** What a process of the system needs to work here. */
  get env(): Record<string, string> {
    return {
      ASYA_TRANSPORT: "rabbitmq",
      ASYA_RABBITMQ_URL: this.url,
      ASYA_RABBITMQ_EXCHANGE: EXCHANGE,
      ASYA_QUEUE_PREFIX: this.prefix,
      ASYA_METRICS_ADDR: "127.0.0.1:0",
      ASYA_LOG_LEVEL: "warn",
    };
  }

  /** The name of an actor's queue. */
  queue(actor: string): string {
    return queueName(actor, this.prefix);
  }

  /** The routing key of an actor. */
  key(actor: string): string {
    return routingKey(actor, this.prefix);
  }

  /** Has the system make queues for actors. */
  async declare(...actors: readonly string[]): Promise<void> {
    const settings = readSettings(TRANSPORT_SETTINGS, this.env);
    const transport = await openTransport(settings, createLogger({ level: "error" }));
    try {
      for (const actor of actors) {
        await transport.queue(actor).declare(actor);
        this.#actors.add(actor);
      }
    } finally {
      await transport.close();
    }
  }

  /** Publishes an envelope for the first actor of its route; resolves when it is confirmed. */
  publish(actor: string, messageId: string, body: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.channel.publish(
      EXCHANGE,
      this.key(actor),
      asBuffer(body),
      { persistent: true, mandatory: true, messageId, contentType: "application/json" },
      (error) => error ? reject(error) : resolve(),
    );
    return promise;
  }

  /** Publishes many, with a bounded number unconfirmed. */
  async publishAll(actor: string, count: number, body: (n: number) => Envelope): Promise<void> {
    const unconfirmed: Promise<void>[] = [];
    for (let n = 0; n < count; n++) {
      const { id, bytes } = body(n);
      unconfirmed.push(this.publish(actor, id, bytes));
      const most = Math.max(2, Math.min(WINDOW, Math.floor(WINDOW_BYTES / bytes.length)));
      if (unconfirmed.length >= most) await unconfirmed.shift();
    }
    await Promise.all(unconfirmed);
  }

  /** Takes everything from an actor's queue, at most `prefetch` at once; tells the message ids. */
  async consume(
    actor: string,
    prefetch: number,
    onMessage: (id: string) => void,
  ): Promise<string> {
    await this.channel.prefetch(prefetch);
    const { consumerTag } = await this.channel.consume(this.queue(actor), (message) => {
      if (message === null) return; // the queue is deleted at the end
      onMessage(message.properties.messageId);
      this.channel.ack(message);
    });
    return consumerTag;
  }

  /** Messages that wait at an actor. */
  async depth(actor: string): Promise<number> {
    return (await this.channel.checkQueue(this.queue(actor))).messageCount;
  }

  /** Waits until so many messages wait at an actor. @throws Error when it takes a minute */
  async untilDepth(actor: string, is: (depth: number) => boolean): Promise<void> {
    for (const until = performance.now() + PATIENCE_MS; !is(await this.depth(actor));) {
      if (performance.now() > until) {
        throw new Error(`${await this.depth(actor)} messages wait at ${actor}: nothing moves`);
      }
      await new Promise((looked) => setTimeout(looked, LOOK_MS));
    }
  }

  /** Throws away what waits at an actor. */
  async purge(actor: string): Promise<void> {
    await this.channel.purgeQueue(this.queue(actor));
  }

  /** Deletes the queues and lets go of the broker. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const actor of this.#actors) {
      await this.channel.deleteQueue(this.queue(actor));
      await this.channel.deleteQueue(`${this.queue(actor)}-dlq`);
    }
    await this.model.close();
  }
}

/** A body and the id that is in it. */
export interface Envelope {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** An envelope of `bytes` bytes, its headers and route included. */
export function envelope(id: string, actors: readonly string[], bytes: number): Envelope {
  const traceparent = '"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"';
  const encode = (text: string) =>
    encodeEnvelope({
      id,
      route: { actors, current: 0, extra: new Map() },
      headers: new Map([["traceparent", traceparent]]),
      payload: new TextEncoder().encode(JSON.stringify({ text })),
      extra: new Map(),
    });
  return { id, bytes: encode("x".repeat(Math.max(0, bytes - encode("").length))) };
}

/** Envelopes that differ in their ids only. */
export function envelopes(prefix: string, actors: readonly string[], bytes: number) {
  return (n: number): Envelope => envelope(`${prefix}-${n}`, actors, bytes);
}

/** A view for the client library, which asks for this type. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
