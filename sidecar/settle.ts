/**
 * The only place that settles a delivery, and only after everything that follows from it is
 * durable. What cannot be sent is replaced or tried again; the delivery stays ours meanwhile.
 */

import { encodeEnvelope, type Envelope } from "@asya/envelope";
import type { Logger } from "@asya/telemetry";
import {
  Backoff,
  type Delivery,
  DeliveryLost,
  MessageTooLarge,
  type Outgoing,
  type Queue,
  QueueMissing,
  type SendResult,
  TransportError,
} from "@asya/transport";
import type { Rules } from "./decide.ts";
import type { Metrics } from "./metrics.ts";
import type { Send } from "./plan.ts";
import type { Troubles } from "./troubles.ts";
import { insteadOfMissing, insteadOfTooLarge } from "./undeliverable.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * - `settled`: everything is durable and the delivery is gone
 * - `lost`: somebody else has the delivery; ours may have been sent as well
 * - `kept`: the sidecar stopped before it was possible; the broker delivers it again
 */
export type Settled = "settled" | "lost" | "kept";

/** What settling needs. */
export interface SettlerOptions {
  readonly queue: Queue;
  readonly rules: Rules;
  /** Largest body to send, in bytes. */
  readonly maxBytes: number;
  readonly metrics: Metrics;
  readonly troubles: Troubles;
  readonly log: Logger;
  readonly now: () => number;
  /** Aborted when unsettled deliveries are to be let go. */
  readonly signal: AbortSignal;
}

interface Entry {
  readonly send: Send;
  readonly out: Outgoing;
}

/** What a delivery still needs before it is settled. */
interface Work {
  readonly delivery: Delivery;
  readonly input: Envelope | undefined;
  entries: Entry[];
  /** Set when the delivery's own body has to be kept: why. */
  bury?: string;
}

/** Settles the deliveries of one sidecar. */
export class Settler {
  constructor(private readonly o: SettlerOptions) {}

  /** Sends everything, waits until it is durable, acknowledges. */
  complete(
    delivery: Delivery,
    input: Envelope | undefined,
    sends: readonly Send[],
  ): Promise<Settled> {
    const work: Work = { delivery, input, entries: [] };
    for (const send of sends) this.#add(work, send);
    return this.#untilDone(delivery, () => this.#advance(work));
  }

  /** Puts the body among the dead letters. */
  bury(delivery: Delivery, reason: string): Promise<Settled> {
    return this.#untilDone(delivery, () => delivery.deadLetter(reason).then(done));
  }

  /** Gives the delivery back. */
  release(delivery: Delivery): Promise<Settled> {
    return this.#untilDone(delivery, () => delivery.release().then(done));
  }

  /** Repeats `step` until it says so, or the delivery is not ours any more. */
  async #untilDone(delivery: Delivery, step: () => Promise<Step>): Promise<Settled> {
    const { troubles, log, signal } = this.o;
    let backoff: Backoff | undefined;
    try {
      for (;;) {
        let made: Step;
        try {
          made = await step();
        } catch (caught) {
          made = asStep(caught);
        }
        const { settled, error } = made;
        if (settled) return "settled";
        if (error === undefined) continue;
        if (backoff === undefined) this.#tellStuck(error);
        backoff ??= new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
        troubles.set(delivery, error.message);
        if (!await backoff.wait(signal)) return "kept";
      }
    } catch (error) {
      if (!(error instanceof DeliveryLost)) throw error;
      log.debug("the delivery was given to somebody else before it was settled", { error });
      return "lost";
    } finally {
      troubles.clear(delivery);
    }
  }

  /** An outage is one piece of news, however many deliveries it holds up. */
  #tellStuck(error: TransportError): void {
    const { troubles, log } = this.o;
    const tell = troubles.first === undefined ? log.warn : log.debug;
    tell("cannot settle now; what is in hand is kept and tried again", { error });
  }

  /** One round: sends what is left, replaces what can be replaced, settles if nothing is left. */
  async #advance(work: Work): Promise<Step> {
    const { queue } = this.o;
    const { delivery, entries, bury } = work;
    const started = performance.now();
    const out = entries.map((entry) => entry.out);
    const results = bury === undefined
      ? await queue.complete(delivery, out)
      : await queue.send(out);
    const seconds = (performance.now() - started) / 1000;
    work.entries = [];
    let error: TransportError | undefined;
    for (const [index, entry] of entries.entries()) {
      const result: SendResult = results[index]!;
      if (result.ok) this.o.metrics.sent(entry.send, entry.out.body.length, seconds);
      else if (!this.#replace(work, entry, result.error)) {
        work.entries.push(entry);
        error ??= result.error;
      }
    }
    if (error !== undefined) return { settled: false, error };
    if (entries.length > 0 && results.some((result) => !result.ok)) return { settled: false };
    if (bury === undefined) return { settled: work.bury === undefined };
    await delivery.deadLetter(bury);
    return { settled: true };
  }

  /** `false`: nothing can take its place, it has to be tried again. */
  #replace(work: Work, { send, out }: Entry, error: TransportError): boolean {
    const { rules, metrics, maxBytes, now } = this.o;
    if (error instanceof MessageTooLarge) {
      this.#tooLarge(work, send, out.body.length, Math.min(error.limit, maxBytes));
      return true;
    }
    if (!(error instanceof QueueMissing)) return false;
    const instead = insteadOfMissing(send, work.input, rules, now());
    if (send.type === "error_end") metrics.failed("error_queue_send_failed");
    if (instead === undefined) return false;
    const misses = instead.type === "error_end" ? undefined : (send.misses ?? 0) + 1;
    this.#tell(send, error, misses);
    this.#add(work, instead);
    return true;
  }

  /** Encodes; replaces what the transport would not take. */
  #add(work: Work, send: Send): void {
    const body = encodeEnvelope(send.envelope);
    if (body.length > this.o.maxBytes) {
      return this.#tooLarge(work, send, body.length, this.o.maxBytes);
    }
    const { actor, envelope: { id: messageId }, delayMs } = send;
    const out = { actor, body, messageId, ...delayMs === undefined ? {} : { delayMs } };
    work.entries.push({ send, out });
    if (send.cut) work.bury ??= "the error envelope was too large and had to be cut";
  }

  #tooLarge(work: Work, send: Send, bytes: number, limit: number): void {
    const error = new MessageTooLarge(bytes, limit);
    const instead = insteadOfTooLarge(send, work.input, bytes, limit, this.o.rules);
    if (instead?.type !== "retry") this.#tell(send, error);
    if (instead === undefined) work.bury ??= error.message;
    else this.#add(work, instead);
  }

  #tell(send: Send, error: TransportError, misses?: number): void {
    const { id } = send.envelope;
    const fields = { id, to: send.actor, error };
    if (misses !== undefined) {
      return this.o.log.warn("the next actor has no queue; will look again", { ...fields, misses });
    }
    this.o.metrics.failed("routing_error");
    this.o.log.warn("an envelope cannot be sent on", fields);
  }
}

/** One try at settling: whether it is done, and else what it has to wait for, if anything. */
interface Step {
  readonly settled: boolean;
  readonly error?: TransportError;
}

function done(): Step {
  return { settled: true };
}

function asStep(error: unknown): Step {
  if (error instanceof TransportError && error.retryable) return { settled: false, error };
  throw error;
}
