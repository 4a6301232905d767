/** The embedded store: one SQLite file, owned by one gateway process at a time. */

import { DatabaseSync } from "node:sqlite";
import type { JsonText } from "@asya/envelope";
import type { Logger } from "@asya/telemetry";
import { actorOf, type Change, type EnvelopeRecord, isFinal } from "../envelopes/record.ts";
import type { StoredEnvelope } from "../envelopes/view.ts";
import { GroupCommit } from "./group_commit.ts";
import { listStatement } from "./list.ts";
import { repeat, type Repetition } from "./repeat.ts";
import { migrate } from "./sqlite/schema.ts";
import { STATEMENTS } from "./sqlite/statements.ts";
import {
  KEY_MS,
  type ListQuery,
  MAX_UPDATES,
  type Once,
  type Outcome,
  type Store,
  type StoredUpdate,
  StoreUnavailable,
} from "./store.ts";
import { Watchers } from "./watchers.ts";

/** Waiting for another process while the file is set up, then while serving, in milliseconds. */
const SETUP_WAIT_MS = 5_000;
const SERVING_WAIT_MS = 5;

/** Envelopes deleted at once, and the pauses while there are more and when there are none. */
const FORGET_LIMIT = 20;
const FORGET_PAUSE_MS = 20;
const FORGET_IDLE_MS = 60_000;

/** How the embedded store works. */
export interface SqliteStoreOptions {
  /** Final envelopes are deleted so many milliseconds after their end; 0 or absent: never. */
  readonly retentionMs?: number;
  /** Told when deleting fails. */
  readonly log?: Logger;
}

/** Creates the file beforehand: SQLite would make it readable by everybody. */
function ensurePrivate(path: string): void {
  if (path === ":memory:") return;
  Deno.openSync(path, { write: true, create: true, mode: 0o600 }).close();
}

function prepareTables(db: DatabaseSync): void {
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  migrate(db);
  // One process owns the file: the claims of the one before are void.
  db.exec("UPDATE gateway_envelopes SET publish_after = 0 WHERE publish_after IS NOT NULL");
}

function open(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    ensurePrivate(path);
    db = new DatabaseSync(path, { timeout: SETUP_WAIT_MS });
    prepareTables(db);
    db.exec(`PRAGMA busy_timeout = ${SERVING_WAIT_MS}`);
    return db;
  } catch (cause) {
    db?.close();
    throw new StoreUnavailable(`cannot use the store ${path}: ${String(cause)}`, { cause });
  }
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #writes: GroupCommit;
  readonly #watchers = new Watchers();
  readonly #sql: Readonly<Record<keyof typeof STATEMENTS, ReturnType<DatabaseSync["prepare"]>>>;

  readonly #o: SqliteStoreOptions;
  readonly #forgetting: Repetition;

  constructor(path: string, options: SqliteStoreOptions) {
    this.#o = options;
    this.#db = open(path);
    this.#writes = new GroupCommit(this.#db);
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, this.#db.prepare(sql)]);
    this.#sql = Object.fromEntries(prepared);
    this.#forgetting = repeat(FORGET_PAUSE_MS, () => this.#forget());
  }

  async create(change: Change, payload: JsonText): Promise<boolean> {
    const { id } = change.record;
    const created = await this.#writes.run(() => this.#add(change, payload));
    if (created && change.update) this.#watchers.wake(id);
    return created;
  }

  createOnce(
    change: Change,
    payload: JsonText,
    { key, fingerprint, freeBefore }: Once,
  ): Promise<{ readonly id: string; readonly fingerprint: string }> {
    const { id, createdAt } = change.record;
    return this.#writes.run(() => {
      const taken = this.#sql.key.get(key, freeBefore);
      if (taken) return { id: String(taken.id), fingerprint: String(taken.fingerprint) };
      if (!this.#add(change, payload)) throw new Error(`the id ${id} is there already`);
      this.#sql.setKey.run(key, fingerprint, id, createdAt);
      return { id, fingerprint };
    });
  }

  #add(change: Change, payload: JsonText): boolean {
    const { id } = change.record;
    if (this.#sql.head.get(id) !== undefined) return false;
    this.#write(change, 0);
    this.#sql.addBodies.run(id, payload, change.result ?? null, change.failedInput ?? null);
    return true;
  }

  head(id: string): Promise<EnvelopeRecord | undefined> {
    return this.#read(() => this.#head(id)?.record);
  }

  get(id: string): Promise<StoredEnvelope | undefined> {
    return this.#read(() => {
      const record = this.#head(id)?.record;
      return record && { record, ...this.#bodies(id) };
    });
  }

  async change(
    id: string,
    decide: (record: EnvelopeRecord) => Change | undefined,
  ): Promise<Outcome | undefined> {
    let woken = false;
    const outcome = await this.#writes.run(() => {
      const found = this.#head(id);
      if (found === undefined) return undefined;
      const change = decide(found.record);
      if (change === undefined) return { changed: false, record: found.record };
      this.#write(change, found.seq, isFinal(found.record.state));
      const { result, failedInput } = change;
      if (result !== undefined) this.#sql.setResult.run(result, id);
      if (failedInput !== undefined) this.#sql.setFailedInput.run(failedInput, id);
      woken = change.update !== undefined;
      return { changed: true, record: change.record };
    });
    if (woken) this.#watchers.wake(id);
    return outcome;
  }

  updates(id: string, after: number, limit: number): Promise<StoredUpdate[]> {
    return this.#read(() =>
      this.#sql.updates.all(id, after, limit).map((row) => ({
        seq: Number(row.seq),
        kind: row.kind === "partial" ? "partial" : "update",
        final: row.final === 1,
        data: String(row.data),
        ...row.result === null ? {} : { result: String(row.result) },
      }))
    );
  }

  list(query: ListQuery): Promise<EnvelopeRecord[]> {
    return this.#read(() => {
      const options = { columns: "record", place: (n: number) => `?${n}`, toKey: String };
      const { sql, values } = listStatement(query, options);
      return this.#db.prepare(sql).all(...values).map(({ record }) => JSON.parse(String(record)));
    });
  }

  watch(id: string, wake: () => void): () => void {
    return this.#watchers.add(id, wake);
  }

  claimUnpublished(
    { now, until, limit }: { now: number; until: number; limit: number },
  ): Promise<StoredEnvelope[]> {
    return this.#writes.run(() =>
      this.#sql.unpublished.all(now, limit).map(({ id }) => {
        const { record: before, seq } = this.#head(String(id))!;
        const record = { ...before, publishAfter: until };
        this.#write({ record }, seq);
        return { record, ...this.#bodies(record.id) };
      })
    );
  }

  outbox(limit: number): Promise<{ readonly count: number; readonly oldest?: number }> {
    return this.#read(() => {
      const { count, oldest } = this.#sql.outbox.get(limit)!;
      return { count: Number(count), ...oldest === null ? {} : { oldest: Number(oldest) } };
    });
  }

  overdue(now: number, limit: number): Promise<string[]> {
    return this.#read(() => this.#sql.overdue.all(now, limit).map(({ id }) => String(id)));
  }

  async close(): Promise<void> {
    const forgetting = this.#forgetting.stop();
    if (this.#db.isOpen) {
      this.#writes.close();
      this.#db.close();
    }
    await forgetting;
  }

  /** Deletes some of what is old; resolves with the pause until the next turn, in milliseconds. */
  async #forget(): Promise<number> {
    const { retentionMs = 0, log } = this.#o;
    const now = Date.now();
    try {
      const old = retentionMs > 0 ? await this.#ended(now - retentionMs) : [];
      await this.#writes.run(() => {
        for (const id of old) {
          this.#sql.deleteUpdates.run(id);
          this.#sql.deleteBodies.run(id);
          this.#sql.deleteEnvelope.run(id);
        }
        return this.#sql.oldKeys.run(now - KEY_MS, FORGET_LIMIT);
      });
      return old.length === FORGET_LIMIT ? FORGET_PAUSE_MS : FORGET_IDLE_MS;
    } catch (error) {
      if (this.#db.isOpen) log?.warn("deleting old envelopes failed, will be repeated", { error });
      return FORGET_IDLE_MS;
    }
  }

  #ended(before: number): Promise<string[]> {
    return this.#read(() => this.#sql.ended.all(before, FORGET_LIMIT).map(({ id }) => String(id)));
  }

  /** Reads run between transactions, never inside one, so they see only what is on disk. */
  #read<T>(read: () => T): Promise<T> {
    if (!this.#db.isOpen) return Promise.reject(new StoreUnavailable("the store is closed"));
    try {
      return Promise.resolve(read());
    } catch (cause) {
      const message = `the store cannot be read: ${String(cause)}`;
      return Promise.reject(new StoreUnavailable(message, { cause }));
    }
  }

  #head(id: string): { record: EnvelopeRecord; seq: number } | undefined {
    const row = this.#sql.head.get(id);
    return row && { record: JSON.parse(String(row.record)), seq: Number(row.seq) };
  }

  #bodies(id: string): { payload: JsonText; result?: JsonText } {
    const { payload, result, failed_input } = this.#sql.bodies.get(id)!;
    return {
      payload: String(payload),
      ...result === null ? {} : { result: String(result) },
      ...failed_input === null ? {} : { failedInput: String(failed_input) },
    };
  }

  /** @param ended it is final already, so its last update is the final one and stays the last */
  #write({ record, update }: Change, lastSeq: number, ended = false): void {
    const kept = update !== undefined && (update.final || lastSeq < MAX_UPDATES);
    const seq = kept ? lastSeq + 1 : lastSeq;
    if (kept) {
      if (ended) this.#sql.moveUpdate.run(seq, record.id, lastSeq);
      const { kind, final, data } = update;
      this.#sql.addUpdate.run(record.id, ended ? lastSeq : seq, kind, final ? 1 : 0, data);
    }
    const { id, state, createdAt, updatedAt } = record;
    const final = isFinal(state);
    this.#sql.setRecord.run(
      id,
      JSON.stringify(record),
      seq,
      final ? null : record.deadline ?? null,
      record.publishAfter ?? null,
      state,
      record.tool ?? null,
      actorOf(record) ?? null,
      record.parentId ?? null,
      createdAt,
      final ? updatedAt : null,
    );
  }
}

/**
 * Opens the embedded store, and makes the file if there is none. One process at a time: opening it
 * makes unpublished envelopes free to be published again.
 *
 * @throws StoreUnavailable where the file cannot be opened or is of another version
 *
 * @example
 * ```ts
 * import { openSqliteStore } from "@asya/gateway";
 * const store = openSqliteStore(":memory:");
 * if (await store.get("nobody") !== undefined) throw new Error("it should be empty");
 * await store.close();
 * ```
 */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  return new SqliteStore(path, options);
}
