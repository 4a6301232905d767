/**
 * Where envelopes are kept. Every method is atomic and durable when it resolves; what decides is a
 * pure function that the store runs inside its transaction.
 */

import type { JsonText } from "@asya/envelope";
import type { Change, EnvelopeRecord, State, Update } from "../envelopes/record.ts";
import type { StoredEnvelope } from "../envelopes/view.ts";

/** Updates kept of one envelope; later ones change the record only, the final one is always kept. */
export const MAX_UPDATES = 10_000;

/** An {@linkcode Update} with its number within the envelope's history: 1, 2, 3, ... */
export interface StoredUpdate extends Update {
  /** From 1; the event's id on the stream. */
  readonly seq: number;
  /** Of the final one, what the envelope ended with. */
  readonly result?: JsonText;
}

/** What {@linkcode Store.change} did. */
export interface Outcome {
  /** False when `decide` wanted no change. */
  readonly changed: boolean;
  /** The record as it is now. */
  readonly record: EnvelopeRecord;
}

/** Which envelopes to list; what is absent does not matter. */
export interface ListQuery {
  /** In one of these states. */
  readonly states?: readonly State[];
  /** At this actor, or ended there. */
  readonly actor?: string;
  /** Made by a call of this tool. */
  readonly tool?: string;
  /** Made by a call of one of these tools. */
  readonly tools?: readonly string[];
  /** Split off this envelope. */
  readonly parentId?: string;
  /** Made at this time or later, in milliseconds since 1970. */
  readonly createdFrom?: number;
  /** Made before this time, in milliseconds since 1970. */
  readonly createdBefore?: number;
  /** Behind this one, the last of the page before. */
  readonly behind?: Pick<EnvelopeRecord, "createdAt" | "id">;
  /** At most so many. */
  readonly limit: number;
}

/** A key that lets one envelope be made, however often its maker asks. */
export interface Once {
  /** Who asks for what: short, ASCII. */
  readonly key: string;
  /** What is asked for: short, ASCII. */
  readonly fingerprint: string;
  /** A key that was used before this time, in milliseconds since 1970, is free again. */
  readonly freeBefore: number;
}

/** How long a key of {@linkcode Once} is kept at least, in milliseconds. */
export const KEY_MS = 24 * 3_600_000;

/** A store may be shared by several gateways. Each method throws {@linkcode StoreUnavailable}. */
export interface Store {
  /** Adds an envelope with its payload; false, and nothing altered, when the id exists. */
  create(change: Change, payload: JsonText): Promise<boolean>;
  /**
   * Adds an envelope unless its key is taken. The envelope that has the key, the new one or the one
   * before, and what was asked for then; nothing is altered where that is not the new one.
   */
  createOnce(
    change: Change,
    payload: JsonText,
    once: Once,
  ): Promise<{ readonly id: string; readonly fingerprint: string }>;
  /** The record alone; `undefined` when the id is unknown. */
  head(id: string): Promise<EnvelopeRecord | undefined>;
  /** The record with payload and result; `undefined` when the id is unknown. */
  get(id: string): Promise<StoredEnvelope | undefined>;
  /**
   * Reads, decides, writes, as one: nobody else changes the envelope meanwhile. `decide` may run
   * more than once and has no effects of its own. `undefined` when the id is unknown. An update of
   * an envelope that is final already goes before its final one, which stays the last: that takes
   * the next number, and the new one its old number.
   */
  change(
    id: string,
    decide: (record: EnvelopeRecord) => Change | undefined,
  ): Promise<Outcome | undefined>;
  /**
   * The history behind number `after`, oldest first, at most `limit`; none only where there is none.
   * Of what another gateway has just written the last may be missing: `watch` tells when it is not.
   */
  updates(id: string, after: number, limit: number): Promise<StoredUpdate[]>;
  /** Envelopes, the newest first; those made at the same time in the order of their ids, backwards. */
  list(query: ListQuery): Promise<EnvelopeRecord[]>;
  /** Calls `wake` after each new update of the envelope, whoever wrote it. Returns the undo. */
  watch(id: string, wake: () => void): () => void;
  /**
   * Takes envelopes whose `publishAfter` is not after `now` and sets it to `until`, so that no
   * other gateway takes them before that.
   */
  claimUnpublished(
    o: { readonly now: number; readonly until: number; readonly limit: number },
  ): Promise<StoredEnvelope[]>;
  /** How many are not published yet, counted up to `limit`, and when the oldest of those was made. */
  outbox(limit: number): Promise<{ readonly count: number; readonly oldest?: number }>;
  /** Ids of open envelopes whose deadline is not after `now`, longest overdue first. */
  overdue(now: number, limit: number): Promise<string[]>;
  /** Finishes what was begun and lets go. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * The store is away, full or closed, and the same call may succeed later. Nothing was stored, unless
 * it was lost while it answered.
 */
export class StoreUnavailable extends Error {
  /** The class's name. */
  override readonly name = "StoreUnavailable";
  /** Stable, for programs. */
  readonly code = "store_unavailable";
}
