/** The store for several gateways: one PostgreSQL database. */

import type { JsonText } from "@asya/envelope";
import type { Logger } from "@asya/telemetry";
import type { Change, EnvelopeRecord } from "../envelopes/record.ts";
import type { StoredEnvelope } from "../envelopes/view.ts";
import { type DatabaseAddress, parseDatabaseUrl } from "./postgres/address.ts";
import { Database } from "./postgres/database.ts";
import { Lane } from "./postgres/lane.ts";
import { Listener } from "./postgres/listener.ts";
import { Recent } from "./postgres/recent.ts";
import {
  claim,
  forget,
  forgetKeys,
  listRecords,
  outbox,
  overdue,
  type Page,
  readEnvelopes,
  readUpdates,
} from "./postgres/reads.ts";
import { fromKey, readRecord, toKey } from "./postgres/rows.ts";
import { migrate, StoreTooNew } from "./postgres/schema.ts";
import {
  type Announcement,
  changeAll,
  type ChangeJob,
  createAll,
  type CreateJob,
  createOnce,
  readHeads,
  type Settled,
} from "./postgres/writes.ts";
import { repeat, type Repetition } from "./repeat.ts";
import {
  KEY_MS,
  type ListQuery,
  type Once,
  type Outcome,
  type Store,
  type StoredUpdate,
  StoreUnavailable,
} from "./store.ts";
import { Watchers } from "./watchers.ts";

export { StoreTooNew };

const CHANNEL = "asya_gateway";
/** Of which a lane uses at most its width; one more connection listens. */
const CONNECTIONS = 10;
/** Operations in one statement; fewer where each brings back what may be large. */
const BATCH = 256;
const BATCH_OF_ENVELOPES = 64;
const BATCH_OF_RESULTS = 16;
/** A change of the tables may take so long, in milliseconds. */
const MIGRATION_MS = 600_000;
const PREPARE_PAUSE_MS = 1_000;
/** Envelopes deleted at once, and the pauses while there are more and when there are none. */
const FORGET_LIMIT = 100;
const FORGET_PAUSE_MS = 20;
const FORGET_IDLE_MS = 60_000;

/** How a store on PostgreSQL works. */
export interface PostgresStoreOptions {
  /** Told when the database goes away and comes back. */
  readonly log: Logger;
  /** Final envelopes are deleted so many milliseconds after their end; 0 or absent: never. */
  readonly retentionMs?: number;
}

class PostgresStore implements Store {
  readonly #log: Logger;
  readonly #address: DatabaseAddress;
  readonly #database: Database;
  readonly #watchers = new Watchers();
  readonly #recent = new Recent();
  readonly #listener: Listener;
  readonly #creates: Lane<CreateJob, boolean>;
  readonly #changes: Lane<ChangeJob, Settled>;
  readonly #creatingOnce: Lane<CreateJob & { once: Once }, { id: string; fingerprint: string }>;
  readonly #lists: Lane<ListQuery, EnvelopeRecord[]>;
  readonly #heads: Lane<string, EnvelopeRecord | undefined>;
  readonly #envelopes: Lane<string, StoredEnvelope | undefined>;
  readonly #updates: Lane<Page, StoredUpdate[]>;
  readonly #repeated: Repetition[] = [];
  /** Why it cannot be used: not prepared yet, or closed. */
  #refusal: string | undefined = "the database is not prepared yet";
  #closing: Promise<void> | undefined;

  constructor(address: DatabaseAddress, { log, retentionMs = 0 }: PostgresStoreOptions) {
    this.#log = log;
    this.#address = address;
    this.#database = new Database(address, { connections: CONNECTIONS });
    const sender = crypto.randomUUID().slice(0, 8);
    const to: Announcement = {
      channel: CHANNEL,
      sender,
      recent: this.#recent,
      stored: (ids) => ids.forEach((id) => this.#watchers.wake(id)),
    };
    this.#listener = new Listener(address, {
      channel: CHANNEL,
      log,
      heard: (payload) => { // its own are known before they are heard
        if (payload.startsWith(sender)) return;
        const id = fromKey(payload.slice(sender.length));
        this.#recent.forget(id);
        this.#watchers.wake(id);
      },
      listening: () => {
        this.#recent.forgetAll();
        this.#watchers.wakeAll();
      },
    });
    const database = this.#database;
    this.#creates = new Lane({
      batch: BATCH,
      width: 2,
      weigh: ({ payload }) => payload.length,
      run: (jobs) => createAll(database, to, jobs),
    });
    this.#creatingOnce = new Lane({
      batch: 1,
      width: 2,
      run: async ([job]) => [await createOnce(database, to, job!)],
    });
    this.#lists = new Lane({
      batch: 1,
      width: 2,
      run: async ([query]) => [await listRecords(database, query!)],
    });
    this.#changes = new Lane({
      batch: BATCH,
      width: 1,
      run: (jobs) => changeAll(database, to, jobs),
    });
    this.#heads = new Lane({
      batch: BATCH,
      width: 1,
      run: async (ids) => {
        const heads = await readHeads(database, ids);
        return ids.map((id) => {
          const head = heads.get(toKey(id));
          return head && readRecord(head);
        });
      },
    });
    this.#envelopes = new Lane({
      batch: BATCH_OF_ENVELOPES,
      width: 2, // a large one holds up one of them
      run: (ids) => readEnvelopes(database, ids),
    });
    this.#updates = new Lane({
      batch: BATCH_OF_RESULTS,
      width: 3,
      run: (pages) => readUpdates(database, pages),
    });
    this.#repeated.push(repeat(PREPARE_PAUSE_MS, () => this.#forget(retentionMs)));
  }

  /** Prepares the database; while it is away that goes on behind, and the store says so. */
  async prepare(): Promise<void> {
    await this.#listener.tried;
    try {
      await this.#migrate();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      this.#log.warn("waiting for the database; calls are refused until it is there", { error });
      this.#repeated.push(repeat(PREPARE_PAUSE_MS, () => this.#prepareLater()));
    }
  }

  async #migrate(): Promise<void> {
    const database = new Database(this.#address, { connections: 1, statementMs: MIGRATION_MS });
    try {
      await migrate(database);
    } finally {
      await database.close();
    }
    if (this.#closing === undefined) this.#refusal = undefined;
  }

  async #prepareLater(): Promise<number> {
    if (this.#refusal === undefined) return FORGET_IDLE_MS;
    try {
      await this.#migrate();
      this.#log.info("the database is prepared");
      return FORGET_IDLE_MS;
    } catch (error) {
      this.#log.warn("the database cannot be prepared, will be repeated", { error });
      return PREPARE_PAUSE_MS;
    }
  }

  async #forget(retentionMs: number): Promise<number> {
    if (this.#refusal !== undefined) return PREPARE_PAUSE_MS;
    try {
      const now = Date.now();
      await forgetKeys(this.#database, now - KEY_MS, FORGET_LIMIT);
      if (retentionMs === 0) return FORGET_IDLE_MS;
      const count = await forget(this.#database, now - retentionMs, FORGET_LIMIT);
      return count === FORGET_LIMIT ? FORGET_PAUSE_MS : FORGET_IDLE_MS;
    } catch (error) {
      this.#log.warn("deleting old envelopes failed, will be repeated", { error });
      return FORGET_IDLE_MS;
    }
  }

  async create(change: Change, payload: JsonText): Promise<boolean> {
    this.#check();
    return await this.#creates.add({ change, payload });
  }

  async createOnce(
    change: Change,
    payload: JsonText,
    once: Once,
  ): Promise<{ readonly id: string; readonly fingerprint: string }> {
    this.#check();
    return await this.#creatingOnce.add({ change, payload, once });
  }

  async list(query: ListQuery): Promise<EnvelopeRecord[]> {
    this.#check();
    return await this.#lists.add(query);
  }

  async head(id: string): Promise<EnvelopeRecord | undefined> {
    this.#check();
    return await this.#heads.add(id);
  }

  async get(id: string): Promise<StoredEnvelope | undefined> {
    this.#check();
    return await this.#envelopes.add(id);
  }

  async change(
    id: string,
    decide: (record: EnvelopeRecord) => Change | undefined,
  ): Promise<Outcome | undefined> {
    this.#check();
    return (await this.#changes.add({ id, decide }))();
  }

  async updates(id: string, after: number, limit: number): Promise<StoredUpdate[]> {
    this.#check();
    return this.#recent.updates(id, after, limit) ??
      await this.#updates.add({ id, after, limit });
  }

  watch(id: string, wake: () => void): () => void {
    return this.#watchers.add(id, wake);
  }

  async claimUnpublished(
    o: { readonly now: number; readonly until: number; readonly limit: number },
  ): Promise<StoredEnvelope[]> {
    this.#check();
    return await claim(this.#database, o);
  }

  async outbox(limit: number): Promise<{ readonly count: number; readonly oldest?: number }> {
    this.#check();
    return await outbox(this.#database, limit);
  }

  async overdue(now: number, limit: number): Promise<string[]> {
    this.#check();
    return await overdue(this.#database, now, limit);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#refusal = "the store is closed";
    const lanes = [
      this.#creates,
      this.#creatingOnce,
      this.#changes,
      this.#heads,
      this.#envelopes,
      this.#updates,
      this.#lists,
    ];
    await Promise.all([
      this.#listener.close(),
      ...this.#repeated.map((one) => one.stop()),
      ...lanes.map((lane) => lane.idle()),
    ]);
    await this.#database.close();
  }

  #check(): void {
    if (this.#refusal !== undefined) throw new StoreUnavailable(this.#refusal);
  }
}

/**
 * Opens a store in a PostgreSQL database, which several gateways may share, and makes its tables.
 * Where the database is away it goes on trying, and each method throws {@linkcode StoreUnavailable}.
 *
 * @param url `postgres://user:password@host:5432/database?sslmode=verify-full`
 * @throws StoreTooNew where a newer program has changed the tables; Error where the URL is wrong
 */
export async function openPostgresStore(
  url: string,
  options: PostgresStoreOptions,
): Promise<Store> {
  const store = new PostgresStore(parseDatabaseUrl(url), options);
  try {
    await store.prepare();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
