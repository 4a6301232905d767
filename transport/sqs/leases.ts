/**
 * The messages of one queue that this process holds: keeps them from others while they are worked
 * on, and deletes or gives them back in batches.
 */

import type { Logger } from "@asya/telemetry";
import { Backoff, pause } from "../backoff.ts";
import { DeliveryLost, TransportUnavailable } from "../queue.ts";
import { Batcher } from "./batcher.ts";
import type { HeldDelivery } from "./delivery.ts";
import { isHeldTooLong, isLost, isMissing, type Refusal, unavailable } from "./errors.ts";
import { CallFailed, type Service } from "./service.ts";
import { Lease } from "./lease.ts";
import { verdicts } from "./sender.ts";

const BATCH_COUNT = 10;
const BATCHES_AT_ONCE = 4;
/** How often an entry is tried again that the service failed by itself. */
const ENTRY_ATTEMPTS = 3;
/** A sign of life that is not answered by then is given again. */
const TIMEOUT_MS = 10_000;
const SHORTEST_TIMEOUT_MS = 1_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/** What a {@linkcode Leases} needs. */
export interface LeaseOptions {
  readonly service: Service;
  readonly queue: string;
  readonly url: string;
  /** How long the service keeps a message from others without a sign of life, in s. */
  readonly visibilityS: number;
  /** How long the service lets anybody hold a message, in ms. */
  readonly maxHoldMs: number;
  readonly log: Logger;
}

interface Visibility {
  readonly receipt: string;
  readonly seconds: number;
}

type Verdict = Refusal | undefined;

/** Everything held of one queue. */
export class Leases {
  readonly #o: LeaseOptions;
  readonly #held = new Set<HeldDelivery>();
  /** Gives back what could not be given back at once. */
  readonly #returning = new Set<Promise<void>>();
  readonly #deletes: Batcher<string, Verdict>;
  readonly #changes: Batcher<Visibility, Verdict>;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #closing = new AbortController();

  constructor(options: LeaseOptions) {
    this.#o = options;
    const shape = {
      maxCount: BATCH_COUNT,
      maxBytes: () => Infinity,
      parallel: BATCHES_AT_ONCE,
      bytesOf: () => 0,
    };
    this.#deletes = new Batcher({ ...shape, run: (receipts) => this.#deleteBatch(receipts) });
    this.#changes = new Batcher({ ...shape, run: (changes) => this.#changeBatch(changes) });
  }

  /** How long a sign of life counts, in ms. */
  get leaseMs(): number {
    return this.#o.visibilityS * 1000;
  }

  /** The lease of a message that has just come. */
  lease(): Lease {
    return new Lease(this.#o.visibilityS, this.#o.maxHoldMs);
  }

  /** Keeps it from others from now on. */
  add(delivery: HeldDelivery): void {
    this.#held.add(delivery);
    this.#timer ??= setInterval(() => this.#beat(), this.leaseMs / 30);
  }

  /** Lets it run out. */
  drop(delivery: HeldDelivery): void {
    this.#held.delete(delivery);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Removes a message for good. @throws DeliveryLost, TransportUnavailable */
  delete(receipt: string): Promise<void> {
    return this.#insist(`delete from ${this.#o.queue}`, () => this.#deletes.add(receipt));
  }

  /** Gives a message back that may not be ours any more. */
  async giveBack(receipt: string): Promise<void> {
    try {
      await this.release(receipt);
    } catch (error) {
      if (!(error instanceof DeliveryLost)) throw error;
    }
  }

  /** Gives a message back: now, or as soon as the service can be reached. @throws DeliveryLost */
  async release(receipt: string): Promise<void> {
    try {
      await this.#change(receipt);
    } catch (error) {
      if (!(error instanceof TransportUnavailable)) throw error;
      if (this.#closing.signal.aborted) return; // it comes back when its time is over
      const returning = this.#returnLater(receipt);
      this.#returning.add(returning);
      void returning.finally(() => this.#returning.delete(returning));
    }
  }

  /** Gives everything back; what cannot be given back now comes back when its time is over. */
  async close(): Promise<void> {
    this.#closing.abort();
    const all = [...this.#held];
    await Promise.all([...all.map((delivery) => delivery.giveUp()), ...this.#returning]);
  }

  #change(receipt: string): Promise<void> {
    const again = () => this.#changes.add({ receipt, seconds: 0 });
    return this.#insist(`give back to ${this.#o.queue}`, again);
  }

  /** After one visibility time-out it has come back by itself. */
  async #returnLater(receipt: string): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    const end = performance.now() + this.leaseMs;
    while (performance.now() < end && await backoff.wait(signal)) {
      try {
        return await this.#change(receipt);
      } catch (error) {
        if (error instanceof DeliveryLost) return; // it has come back
        if (!(error instanceof TransportUnavailable)) throw error;
      }
    }
  }

  /** Tries again what the service failed by itself. @throws DeliveryLost, TransportUnavailable */
  async #insist(doing: string, run: () => Promise<Verdict>): Promise<void> {
    for (let attempt = 1;; attempt++) {
      const refusal = await this.#ask(doing, run);
      if (refusal === undefined) return;
      if (isLost(refusal)) throw lost(refusal);
      if (attempt === ENTRY_ATTEMPTS) throw unavailable(doing, refusal);
      await pause(50 * 4 ** (attempt - 1), this.#o.service.closed);
    }
  }

  async #ask(doing: string, run: () => Promise<Verdict>): Promise<Verdict> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (isMissing(error.refusal)) throw lost(error.refusal);
      throw unavailable(doing, error.refusal);
    }
  }

  #beat(): void {
    const now = performance.now();
    for (const delivery of this.#held) {
      const { lease } = delivery;
      if (!delivery.checkLease(now) || !lease.due(now)) continue;
      lease.extend(now, (seconds) => this.#extend(delivery, seconds)).catch((error) =>
        this.#o.log.error("extending leases fails", { error })
      );
    }
  }

  /** Whether the lease now holds for so many seconds. */
  async #extend(delivery: HeldDelivery, seconds: number): Promise<boolean> {
    try {
      const refusal = await this.#changes.add({ receipt: delivery.receipt, seconds });
      if (refusal === undefined) return true;
      if (isHeldTooLong(refusal)) delivery.lease.endsHere();
      else if (isLost(refusal)) delivery.lose(lost(refusal));
    } catch (error) {
      // while the service is away, it is tried again until the lease is over
      if (!(error instanceof CallFailed || error instanceof TransportUnavailable)) throw error;
      if (error instanceof CallFailed && isMissing(error.refusal)) {
        delivery.lose(lost(error.refusal));
      }
    }
    return false;
  }

  async #deleteBatch(receipts: readonly string[]): Promise<Verdict[]> {
    const Entries = receipts.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }));
    const { Successful = [], Failed = [] } = await this.#o.service.call((sqs, options) =>
      sqs.deleteMessageBatch({ QueueUrl: this.#o.url, Entries }, options)
    );
    return verdicts(receipts.length, Successful, Failed);
  }

  async #changeBatch(changes: readonly Visibility[]): Promise<Verdict[]> {
    const Entries = changes.map(({ receipt, seconds }, i) => ({
      Id: String(i),
      ReceiptHandle: receipt,
      VisibilityTimeout: seconds,
    }));
    const timeoutMs = Math.max(SHORTEST_TIMEOUT_MS, Math.min(TIMEOUT_MS, this.leaseMs / 3));
    const { Successful = [], Failed = [] } = await this.#o.service.call(
      (sqs, options) =>
        sqs.changeMessageVisibilityBatch({ QueueUrl: this.#o.url, Entries }, options),
      { timeoutMs },
    );
    return verdicts(changes.length, Successful, Failed);
  }
}

function lost({ code, message }: Refusal): DeliveryLost {
  return new DeliveryLost(
    `the message is not held by this delivery any more: ${message} (${code}); ` +
      "somebody else has it, or it is gone",
  );
}
