/** The queue of one actor, as calls on the engine that all queues of the process share. */

import {
  type DeadLetter,
  type DeadLetters,
  type Delivery,
  type Depth,
  MessageTooLarge,
  type Outgoing,
  type Queue,
  QueueMissing,
  type SendResult,
  TransportUnavailable,
} from "../queue.ts";
import type { Consumer } from "./consumer.ts";
import { HeldDelivery } from "./delivery.ts";
import type { Engine } from "./engine.ts";
import type { Turn } from "./turn.ts";

const OK: SendResult = { ok: true };

function size(out: readonly Outgoing[]): number {
  return out.reduce((bytes, { body }) => bytes + body.length, 0);
}

/** Where there are entries, they carry the news that nothing could be written. */
function failAll(out: readonly Outgoing[], error: unknown): SendResult[] {
  if (!(error instanceof TransportUnavailable) || out.length === 0) throw error;
  return out.map(() => ({ ok: false, error }));
}

/** {@linkcode Queue} on a file. */
export class SqliteQueue implements Queue {
  readonly maxMessageBytes: number;
  /** A file that cannot be used shows when it is used. */
  readonly trouble = undefined;
  readonly #engine: Engine;
  readonly #actor: string;
  #consumers: Consumer[] = [];

  constructor(engine: Engine, actor: string) {
    this.#engine = engine;
    this.#actor = actor;
    this.maxMessageBytes = engine.options.maxMessageBytes;
  }

  async *receive(
    { prefetch, signal }: { prefetch: () => number; signal: AbortSignal },
  ): AsyncGenerator<Delivery, void, void> {
    if (signal.aborted) return;
    const consumer = this.#engine.consume(this.#actor, prefetch);
    this.#consumers = [...this.#consumers.filter((c) => !c.finished), consumer];
    yield* consumer.deliveries(signal);
  }

  async complete(delivery: Delivery, out: readonly Outgoing[]): Promise<SendResult[]> {
    if (!(delivery instanceof HeldDelivery)) throw new TypeError("not a delivery of this queue");
    try {
      return await delivery.settle(true, size(out), (turn) => {
        const results = this.#put(turn, out);
        if (results.every((result) => result.ok)) {
          this.#engine.store.remove(delivery.claim);
          delivery.settled(turn);
        }
        return results;
      });
    } catch (error) {
      return failAll(out, error);
    }
  }

  async send(out: readonly Outgoing[]): Promise<SendResult[]> {
    if (out.length === 0) return [];
    try {
      return await this.#submit(size(out), (turn) => this.#put(turn, out));
    } catch (error) {
      return failAll(out, error);
    }
  }

  async declare(actor: string): Promise<void> {
    const { store, options } = this.#engine;
    const name = options.queueName(actor);
    if (this.#engine.read(() => store.queueId(name)) !== undefined) return;
    await this.#submit(0, () => store.declare(name));
  }

  // deno-lint-ignore require-await -- so that what it throws comes as a rejection
  async depth(actor: string): Promise<Depth> {
    const queue = this.#engine.queueOf(actor);
    return this.#engine.read(() => this.#engine.store.depth(queue, this.#engine.now()));
  }

  deadLetters(actor: string): DeadLetters {
    const { store } = this.#engine;
    const find = async (
      key: string,
      run: (turn: Turn, queue: number, letter: number) => boolean,
    ): Promise<boolean> => {
      if (!/^[0-9]{1,15}$/.test(key)) return false;
      const queue = this.#engine.queueOf(actor);
      return await this.#submit(0, (turn) => run(turn, queue, Number(key)));
    };
    return {
      // deno-lint-ignore require-await -- so that what it throws comes as a rejection
      list: async (limit): Promise<DeadLetter[]> => {
        const queue = this.#engine.queueOf(actor);
        return this.#engine.read(() => store.deadLetters(queue, limit));
      },
      replay: (key) =>
        find(key, (turn, queue, letter) => {
          turn.woken.add(queue);
          return store.replay(queue, letter);
        }),
      discard: (key) => find(key, (_turn, queue, letter) => store.discard(queue, letter)),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.close()));
  }

  #submit<T>(bytes: number, run: (turn: Turn) => T): Promise<T> {
    return this.#engine.commits.submit({ durable: true, bytes, run });
  }

  #put(turn: Turn, out: readonly Outgoing[]): SendResult[] {
    return out.map((entry) => this.#putOne(turn, entry));
  }

  #putOne(turn: Turn, { actor, body, delayMs = 0 }: Outgoing): SendResult {
    const { store, options, now } = this.#engine;
    if (body.length > this.maxMessageBytes) {
      return { ok: false, error: new MessageTooLarge(body.length, this.maxMessageBytes) };
    }
    const due = delayMs > 0 ? Math.min(Math.ceil(now() + delayMs), Number.MAX_SAFE_INTEGER) : 0;
    const queue = store.add(options.queueName(actor), body, due);
    if (queue === undefined) return { ok: false, error: new QueueMissing(actor) };
    turn.woken.add(queue);
    return OK;
  }
}
