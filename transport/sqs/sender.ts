/** Sends bodies to queues, many in one request, and knows what became of each. */

import type { SendMessageBatchRequestEntry } from "@aws-sdk/client-sqs";
import {
  MessageTooLarge,
  type Outgoing,
  QueueMissing,
  type SendResult,
  TransportError,
} from "../queue.ts";
import type { Addresses } from "./addresses.ts";
import { Batcher } from "./batcher.ts";
import {
  ATTRIBUTE,
  type Attributes,
  encode,
  largestBody,
  toAttributes,
  type Wire,
} from "./body.ts";
import {
  batchLimitOf,
  isBadText,
  isMissing,
  messageLimitOf,
  type Refusal,
  unavailable,
} from "./errors.ts";
import { CallFailed, type Service } from "./service.ts";

/** The most that the service takes in one message and in one batch. */
export const LARGEST_MESSAGE = 1024 * 1024;

const BATCH_COUNT = 10;
const BATCHES_AT_ONCE = 4;
const OK: SendResult = { ok: true };

/** A message for a queue. */
interface Parcel {
  readonly wire: Wire;
  readonly delayS: number;
}

/** What the service said to one message. */
type Verdict = Refusal | undefined;

/** Where a message goes. */
export interface Target {
  /** For errors. */
  readonly actor: string;
  /** The queue's name. */
  readonly queue: string;
}

/** What is special about a message. */
export interface How {
  /** Beside what the transport itself needs. */
  readonly attributes?: Attributes;
  /** Not to be handled before this time, in ms since 1970. */
  readonly due?: number;
  /** Whether the service alone says what is too large: the body came from it. */
  readonly unlimited?: boolean;
}

/** What a {@linkcode Sender} needs. */
export interface SenderOptions {
  readonly service: Service;
  readonly addresses: Addresses;
  readonly queueName: (actor: string) => string;
  readonly maxMessageBytes: number;
  /** The longest delay that the service keeps, in s. */
  readonly maxDelayS: number;
  /** The time in ms since 1970. */
  readonly now: () => number;
}

/** Sends for one process. */
export class Sender {
  readonly #o: SenderOptions;
  /** A line for each queue that exists. */
  readonly #lines = new Map<string, Batcher<Parcel, Verdict>>();
  #maxMessageBytes: number;
  #maxBatchBytes: number;

  constructor(options: SenderOptions) {
    this.#o = options;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#maxBatchBytes = LARGEST_MESSAGE;
  }

  /** The largest body; falls when the service refuses one. */
  get maxMessageBytes(): number {
    return this.#maxMessageBytes;
  }

  /** Sends to actors; every failure is in the results. */
  send(out: readonly Outgoing[]): Promise<SendResult[]> {
    return Promise.all(
      out.map(({ actor, body, delayMs = 0 }) => {
        const target = { actor, queue: this.#o.queueName(actor) };
        return this.put(target, body, delayMs > 0 ? { due: this.#o.now() + delayMs } : {});
      }),
    );
  }

  /** Sends one body. */
  async put(target: Target, body: Uint8Array, how: How = {}): Promise<SendResult> {
    try {
      await this.#put(target, body, how);
      return OK;
    } catch (error) {
      if (error instanceof TransportError) return { ok: false, error };
      throw error;
    }
  }

  async #put(target: Target, body: Uint8Array, how: How): Promise<void> {
    const { addresses, maxDelayS, now } = this.#o;
    const { attributes: more = {}, due = 0, unlimited = false } = how;
    const restS = due === 0 ? 0 : Math.max(0, Math.ceil((due - now()) / 1000));
    const late = restS > maxDelayS ? { [ATTRIBUTE.due]: String(Math.ceil(due)) } : {};
    const limit = unlimited ? Infinity : this.#maxMessageBytes;
    if (body.length > limit) throw new MessageTooLarge(body.length, limit);
    const url = await addresses.url(target.queue);
    if (url === undefined) throw new QueueMissing(target.actor);
    const line = this.#lineOf(target.queue, url);
    for (const binary of [false, true]) {
      const wire = encode(body, { ...more, ...late }, binary);
      // it may be small enough but for what it has to be wrapped in
      if (wire.bytes > limit) throw new MessageTooLarge(body.length, largestBody(wire, limit));
      const refusal = await line.add({ wire, delayS: Math.min(restS, maxDelayS) });
      if (refusal === undefined) return;
      if (isBadText(refusal) && !binary) continue; // services differ in the characters they take
      throw this.#errorOf(refusal, target, body, unlimited);
    }
  }

  #errorOf(refusal: Refusal, { actor, queue }: Target, body: Uint8Array, unlimited: boolean) {
    if (isMissing(refusal)) {
      this.#o.addresses.forget(queue);
      this.#lines.delete(queue);
      return new QueueMissing(actor, { cause: refusal.cause });
    }
    const limit = messageLimitOf(refusal) ?? batchLimitOf(refusal);
    if (limit === undefined) return unavailable(`send to ${queue}`, refusal);
    if (!unlimited && limit > 0) this.#maxMessageBytes = Math.min(this.#maxMessageBytes, limit);
    return new MessageTooLarge(body.length, limit || this.#maxMessageBytes);
  }

  #lineOf(queue: string, url: string): Batcher<Parcel, Verdict> {
    const known = this.#lines.get(queue);
    if (known !== undefined) return known;
    const line = new Batcher<Parcel, Verdict>({
      maxCount: BATCH_COUNT,
      maxBytes: () => this.#maxBatchBytes,
      parallel: BATCHES_AT_ONCE,
      bytesOf: ({ wire }) => wire.bytes,
      run: (parcels) => this.#sendAll(url, parcels),
    });
    this.#lines.set(queue, line);
    return line;
  }

  /** One batch; halves it when the service says that it is too much together. */
  async #sendAll(url: string, parcels: readonly Parcel[]): Promise<Verdict[]> {
    try {
      return await this.#sendBatch(url, parcels);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      const { refusal } = error;
      const limit = batchLimitOf(refusal);
      if (limit === undefined || parcels.length === 1) return parcels.map(() => refusal);
      if (limit > 0) this.#maxBatchBytes = Math.min(this.#maxBatchBytes, limit);
      const half = Math.ceil(parcels.length / 2);
      const first = await this.#sendAll(url, parcels.slice(0, half));
      return [...first, ...await this.#sendAll(url, parcels.slice(half))];
    }
  }

  async #sendBatch(url: string, parcels: readonly Parcel[]): Promise<Verdict[]> {
    const Entries = parcels.map(({ wire, delayS }, i): SendMessageBatchRequestEntry => ({
      Id: String(i),
      MessageBody: wire.text,
      ...Object.keys(wire.attributes).length === 0
        ? {}
        : { MessageAttributes: toAttributes(wire.attributes) },
      ...delayS === 0 ? {} : { DelaySeconds: delayS },
    }));
    const { Successful = [], Failed = [] } = await this.#o.service.call((sqs, options) =>
      sqs.sendMessageBatch({ QueueUrl: url, Entries }, options)
    );
    return verdicts(parcels.length, Successful, Failed);
  }
}

/** What a batch's answer says of each entry; what it does not mention is not known to be done. */
export function verdicts(
  count: number,
  successful: readonly { readonly Id: string | undefined }[],
  failed: readonly {
    readonly Id: string | undefined;
    readonly Code: string | undefined;
    readonly Message?: string | undefined;
  }[],
): Verdict[] {
  const all = Array.from({ length: count }, (): Verdict => ({
    code: "NoAnswer",
    message: "the answer does not mention this entry",
  }));
  for (const { Id } of successful) all[Number(Id)] = undefined;
  for (const { Id, Code = "Unknown", Message = Code } of failed) {
    all[Number(Id)] = { code: Code, message: Message, status: 400 };
  }
  return all;
}
