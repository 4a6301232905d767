/**
 * Puts stored envelopes on their first actor's queue: stored first, then sent, then marked. What a
 * crash or an absent broker leaves unmarked is sent again, with the same id.
 */

import { encodeEnvelope } from "@asya/envelope";
import type { Logger } from "@asya/telemetry";
import type { Outgoing, SendResult, TransportError } from "@asya/transport";
import { postponed, published } from "./envelopes/create.ts";
import { finished } from "./envelopes/final.ts";
import { type EnvelopeRecord, timestamp } from "./envelopes/record.ts";
import type { StoredEnvelope } from "./envelopes/view.ts";
import { readObjectText } from "./json.ts";
import type { Store } from "./store/store.ts";

/** How long an envelope belongs to the gateway that took it up, in milliseconds. */
const CLAIM_MS = 30_000;
/** Envelopes in one call of `publish`. */
const MAX_BATCH = 100;
/** Envelopes waiting in memory; more wait in the store. */
const MAX_WAITING = 1_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;

/** Sends messages and says what became of each, in the same order; `Queue.send` of a transport. */
export type Publish = (out: Outgoing[]) => Promise<SendResult[]>;

/** What the publisher needs. */
export interface PublisherOptions {
  readonly store: Store;
  readonly publish: Publish;
  readonly log: Logger;
  readonly now: () => number;
}

const encoder = new TextEncoder();

/** The envelope as it goes to its first actor. */
export function outgoing({ record, payload }: StoredEnvelope): Outgoing {
  const body = encodeEnvelope({
    id: record.id,
    ...record.parentId === undefined ? {} : { parentId: record.parentId },
    route: {
      actors: record.actors,
      current: record.current,
      ...record.metadata === undefined ? {} : { metadata: record.metadata },
      extra: new Map(),
    },
    ...record.headers === undefined ? {} : { headers: readObjectText(record.headers) },
    payload: encoder.encode(payload),
    ...record.deadline === undefined ? {} : { deadline: timestamp(record.deadline) },
    extra: new Map(),
  });
  return { actor: record.actors[record.current]!, body, messageId: record.id };
}

const CODES: Readonly<Record<string, string>> = {
  queue_missing: "route_error",
  message_too_large: "resource_limit",
};

function unsendable(record: EnvelopeRecord, error: TransportError, now: number) {
  return finished(record, {
    status: "failed",
    error: CODES[error.code] ?? "connection_error",
    errorDetails: JSON.stringify({ message: error.message }),
  }, now);
}

/** Sends in batches, one at a time. */
export class Publisher {
  readonly #o: PublisherOptions;
  #waiting: StoredEnvelope[] = [];
  /** Ids of what waits here or is being sent, which may take longer than its claim holds. */
  readonly #inHand = new Set<string>();
  #running: Promise<void> | undefined;
  #failures = 0;

  constructor(options: PublisherOptions) {
    this.#o = options;
  }

  /** The `publishAfter` for an envelope that will be handed to {@linkcode add} once it is stored. */
  claim(): number {
    const now = this.#o.now();
    return this.#waiting.length < MAX_WAITING ? now + CLAIM_MS : now;
  }

  /** Takes an envelope whose claim is in the future; others stay in the store for the next sweep. */
  add(envelope: StoredEnvelope): void {
    if ((envelope.record.publishAfter ?? 0) <= this.#o.now()) return;
    this.#inHand.add(envelope.record.id);
    this.#waiting.push(envelope);
    this.#running ??= this.#run();
  }

  /** Forgets an envelope that need not be sent any more; one that is just being sent is. */
  drop(id: string): void {
    this.#waiting = this.#waiting.filter(({ record }) =>
      record.id !== id || !this.#inHand.delete(id)
    );
  }

  /** Envelopes that wait here to be sent, and whether no more are taken. */
  get backlog(): { readonly waiting: number; readonly full: boolean } {
    const waiting = this.#waiting.length;
    return { waiting, full: waiting >= MAX_WAITING };
  }

  /** Takes up what the store has left over; what is in hand is only claimed anew. */
  async sweep(): Promise<void> {
    const room = Math.min(MAX_WAITING - this.#waiting.length, MAX_BATCH);
    if (room <= 0) return;
    const now = this.#o.now();
    // As it is now: what is sent while the store looks may still be among what it finds.
    const inHand = new Set(this.#inHand);
    const found = await this.#o.store.claimUnpublished({ now, until: now + CLAIM_MS, limit: room });
    for (const envelope of found) if (!inHand.has(envelope.record.id)) this.add(envelope);
  }

  /** Resolves when nothing is being sent. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        await this.#send(batch);
      } catch (error) {
        // The claims run out by themselves and the envelopes are taken up again.
        this.#o.log.error("publishing failed, will be repeated", { count: batch.length, error });
      } finally {
        for (const { record } of batch) this.#inHand.delete(record.id);
      }
    }
    this.#running = undefined;
  }

  async #send(batch: StoredEnvelope[]): Promise<void> {
    const results = await this.#o.publish(batch.map(outgoing));
    const worked = results.some((result) => result.ok);
    const away = results.some((result) => !result.ok && result.error.retryable);
    this.#failures = away && !worked ? this.#failures + 1 : 0;
    const settled = await Promise.allSettled(
      batch.map(({ record }, index) => this.#settle(record.id, results[index]!)),
    );
    for (const one of settled) if (one.status === "rejected") throw one.reason;
  }

  async #settle(id: string, result: SendResult): Promise<void> {
    const { store, log, now } = this.#o;
    if (result.ok) {
      await store.change(id, (record) => published(record, now()));
    } else if (result.error.retryable) {
      const delay = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10), LAST_RETRY_MS);
      log.warn("envelope not published, will be repeated", { id, delay, error: result.error });
      await store.change(id, (record) => postponed(record, now() + delay));
    } else {
      log.error("envelope cannot be published", { id, error: result.error });
      await store.change(id, (record) => unsendable(record, result.error, now()));
    }
  }
}
