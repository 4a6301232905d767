/**
 * Sends messages and waits until the broker has them on disk. A message that no queue takes is
 * returned by the broker, and then confirmed as if all were well: the return comes first and counts.
 */

import { Buffer } from "node:buffer";
import type { ConfirmChannel, Message } from "amqplib";
import type { Logger } from "@asya/telemetry";
import {
  MessageTooLarge,
  NotDurable,
  QueueMissing,
  type SendResult,
  TransportError,
  TransportUnavailable,
} from "../queue.ts";
import { delayLevel, delayName, DelayQueues } from "./delays.ts";
import { LONGEST_DELAY_MS } from "./limits.ts";
import type { Link } from "./link.ts";
import { declareExchange } from "./topology.ts";

/** How long a send waits for a connection before it says that there is none. */
const PATIENCE_MS = 2_000;
/** A confirmation may take this long, and a second a megabyte; then the channel is given up, and what it carried is sent again. */
const CONFIRM_MS = 30_000;
const BYTES_PER_MS = 1_000;
const LOOK_MS = 1_000;

const OK: SendResult = { ok: true };

/** When the message is wanted, in ms since 1970: carried by those that wait more than once. */
export const DUE_HEADER = "x-asya-due";

/** A message on its way. */
export interface Letter {
  /** Named in {@linkcode QueueMissing} when no queue takes it. */
  readonly actor: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly messageId: string;
  readonly delayMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string | number>>;
}

interface Pending {
  readonly letter: Letter;
  readonly since: number;
  readonly resolve: (result: SendResult) => void;
  returned: boolean;
}

/** What a publisher needs. */
export interface PublisherOptions {
  readonly link: Link;
  /** The topic exchange of the actors, declared with the first channel. */
  readonly exchange: string;
  readonly maxMessageBytes: number;
  readonly log: Logger;
}

/** Publishes over one link, for everybody in the process. */
export class Publisher {
  #maxMessageBytes: number;
  #channel: ConfirmChannel | undefined;
  #opening: Promise<ConfirmChannel> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #next = 0;
  /** By correlation id, in the order of sending. */
  readonly #pending = new Map<string, Pending>();
  readonly #delays: DelayQueues;

  constructor(private readonly o: PublisherOptions) {
    this.#maxMessageBytes = o.maxMessageBytes;
    this.#delays = new DelayQueues(o.exchange);
  }

  /** Falls when the broker says that it takes less. */
  get maxMessageBytes(): number {
    return this.#maxMessageBytes;
  }

  /** Why nothing can be sent now. */
  get trouble(): string | undefined {
    const { trouble } = this.o.link;
    if (trouble !== undefined) return trouble;
    const [oldest] = this.#pending.values();
    if (oldest === undefined || performance.now() - oldest.since < CONFIRM_MS / 3) return undefined;
    return "RabbitMQ does not confirm messages: has the queue lost most of its replicas?";
  }

  /** Resolves when the broker has it for good, or has refused it. Never rejects. */
  send(letter: Letter): Promise<SendResult> {
    const { delayMs = 0, body: { length } } = letter;
    if (length > this.#maxMessageBytes) {
      return failed(new MessageTooLarge(length, this.#maxMessageBytes));
    }
    const { blocked } = this.o.link;
    if (blocked !== undefined) return failed(new TransportUnavailable(blocked));
    const channel = this.#channel;
    if (channel === undefined || delayMs > 0) return this.#sendLater(letter, delayMs);
    return this.#publish(channel, letter);
  }

  /** What needs a channel first, or a delay. */
  async #sendLater(letter: Letter, delayMs: number): Promise<SendResult> {
    try {
      const channel = this.#channel ?? await this.#open();
      return await (delayMs > 0 ? this.#delay(letter, delayMs) : this.#publish(channel, letter));
    } catch (cause) {
      return { ok: false, error: unavailable(cause) };
    }
  }

  /** The link is closed by its owner, and what is on its way fails with it. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #delay(letter: Letter, delayMs: number): Promise<SendResult> {
    const { exchange, link } = this.o;
    const model = await link.up(AbortSignal.timeout(PATIENCE_MS));
    const level = delayLevel(delayMs);
    await this.#delays.ensure(model, level);
    const due = delayMs > LONGEST_DELAY_MS ? { [DUE_HEADER]: Date.now() + delayMs } : {};
    const result = await this.#publish(this.#channel ?? await this.#open(), {
      ...letter,
      exchange: delayName(exchange, level),
      headers: { ...letter.headers, ...due },
    });
    if (result.ok) return result;
    this.#delays.forget(model);
    if (!(result.error instanceof QueueMissing)) return result;
    const error = new TransportUnavailable(`delay queue ${delayName(exchange, level)} is gone`);
    return { ok: false, error };
  }

  /** Never rejects. */
  #publish(channel: ConfirmChannel, letter: Letter): Promise<SendResult> {
    const { exchange, routingKey, body, messageId, headers } = letter;
    const correlationId = (this.#next++).toString(36);
    return new Promise((resolve) => {
      const pending: Pending = { letter, since: performance.now(), resolve, returned: false };
      this.#pending.set(correlationId, pending);
      const options = {
        persistent: true,
        mandatory: true,
        contentType: "application/json",
        messageId,
        correlationId,
        ...headers === undefined ? {} : { headers },
      };
      const content = body instanceof Buffer
        ? body
        : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      try {
        channel.publish(exchange, routingKey, content, options, (error) => {
          this.#pending.delete(correlationId);
          resolve(this.#outcome(pending, error));
        });
      } catch (cause) { // the channel is closing
        this.#pending.delete(correlationId);
        resolve({ ok: false, error: unavailable(cause) });
      }
    });
  }

  #outcome({ letter, returned }: Pending, error: unknown): SendResult {
    if (error === null || error === undefined) {
      return returned ? { ok: false, error: new QueueMissing(letter.actor) } : OK;
    }
    const { length } = letter.body;
    if (length > this.#maxMessageBytes) {
      return { ok: false, error: new MessageTooLarge(length, this.#maxMessageBytes) };
    }
    const { message } = error as Error;
    if (!/nack/i.test(message)) return { ok: false, error: unavailable(error) };
    const why = `RabbitMQ did not take the message for actor "${letter.actor}": ` +
      "its queue is full, or has lost most of its replicas";
    return { ok: false, error: new NotDurable(why, { cause: error }) };
  }

  #open(): Promise<ConfirmChannel> {
    return this.#opening ??= this.#connect().finally(() => this.#opening = undefined);
  }

  async #connect(): Promise<ConfirmChannel> {
    const { exchange, link, log } = this.o;
    const model = await link.up(AbortSignal.timeout(PATIENCE_MS));
    await declareExchange(model, exchange, log);
    const channel = await model.createConfirmChannel();
    channel.on("return", ({ properties }: Message) => {
      const pending = this.#pending.get(properties.correlationId);
      if (pending !== undefined) pending.returned = true;
    });
    channel.on("error", (error) => {
      const limit = /larger than (?:configured )?max size (\d+)/.exec(error.message)?.[1];
      if (limit !== undefined) this.#maxMessageBytes = Number(limit);
      log.warn("the channel for sending was closed by the broker", { error });
    });
    channel.on("handler-error", (error) => log.error("a handler of events failed", { error }));
    channel.on("close", () => {
      if (this.#channel === channel) this.#channel = undefined;
      clearInterval(this.#timer);
    });
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(channel), LOOK_MS);
    return this.#channel = channel;
  }

  #bytesOnTheirWay(): number {
    let bytes = 0;
    for (const { letter } of this.#pending.values()) bytes += letter.body.length;
    return bytes;
  }

  /** Gives up a channel whose broker has stopped to confirm. */
  #look(channel: ConfirmChannel): void {
    const { link, log } = this.o;
    const [oldest] = this.#pending.values();
    if (oldest === undefined || link.blocked !== undefined) return;
    const allowed = CONFIRM_MS + this.#bytesOnTheirWay() / BYTES_PER_MS;
    if (performance.now() - oldest.since < allowed) return;
    log.warn("no confirmation for long; what is on its way is sent again", { ms: allowed });
    channel.close().catch((error) => log.warn("the channel cannot be closed", { error }));
  }
}

function failed(error: TransportError): Promise<SendResult> {
  return Promise.resolve({ ok: false, error });
}

function unavailable(cause: unknown): TransportError {
  if (cause instanceof TransportError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TransportUnavailable(`RabbitMQ did not take the message: ${message}`, { cause });
}
