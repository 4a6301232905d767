/** The embedded store: one SQLite file, owned by one gateway process at a time. */

import { DatabaseSync } from "node:sqlite";
import type { JsonText } from "@asya/envelope";
import { type Change, type EnvelopeRecord, isFinal } from "../envelopes/record.ts";
import type { StoredEnvelope } from "../envelopes/view.ts";
import { GroupCommit } from "./group_commit.ts";
import {
  MAX_UPDATES,
  type Outcome,
  type Store,
  type StoredUpdate,
  StoreUnavailable,
} from "./store.ts";
import { Watchers } from "./watchers.ts";

/** Version of the tables below. */
const SCHEMA = 1;

/**
 * `due` is the deadline of an open envelope. Bodies have a table of their own, because a changed
 * row is written anew as a whole.
 */
const TABLES = `
CREATE TABLE IF NOT EXISTS gateway_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS gateway_envelopes (
  id TEXT PRIMARY KEY, record TEXT NOT NULL, seq INTEGER NOT NULL,
  due INTEGER, publish_after INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gateway_due ON gateway_envelopes (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS gateway_unpublished ON gateway_envelopes (publish_after)
  WHERE publish_after IS NOT NULL;
CREATE TABLE IF NOT EXISTS gateway_bodies (id TEXT PRIMARY KEY, payload TEXT NOT NULL, result TEXT);
CREATE TABLE IF NOT EXISTS gateway_updates (
  id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, final INTEGER NOT NULL,
  data TEXT NOT NULL, PRIMARY KEY (id, seq)
) WITHOUT ROWID;
`;

/** Waiting for another process while the file is set up, then while serving, in milliseconds. */
const SETUP_WAIT_MS = 5_000;
const SERVING_WAIT_MS = 5;

/** Creates the file beforehand: SQLite would make it readable by everybody. */
function ensurePrivate(path: string): void {
  if (path === ":memory:") return;
  Deno.openSync(path, { write: true, create: true, mode: 0o600 }).close();
}

function prepareTables(db: DatabaseSync): void {
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  db.exec(TABLES);
  const found = db.prepare("SELECT max(version) AS version FROM gateway_schema").get()?.version;
  if (found === null) db.exec(`INSERT INTO gateway_schema VALUES (${SCHEMA})`);
  else if (found !== SCHEMA) {
    throw new Error(`its tables have version ${found}, this program knows ${SCHEMA}`);
  }
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

  constructor(path: string) {
    this.#db = open(path);
    this.#writes = new GroupCommit(this.#db);
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, this.#db.prepare(sql)]);
    this.#sql = Object.fromEntries(prepared);
  }

  async create(change: Change, payload: JsonText): Promise<boolean> {
    const { id } = change.record;
    const created = await this.#writes.run(() => {
      if (this.#sql.head.get(id) !== undefined) return false;
      this.#write(change, 0);
      this.#sql.addBodies.run(id, payload, change.result ?? null);
      return true;
    });
    if (created && change.update) this.#watchers.wake(id);
    return created;
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
      if (change.result !== undefined) this.#sql.setResult.run(change.result, id);
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
      }))
    );
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

  overdue(now: number, limit: number): Promise<string[]> {
    return this.#read(() => this.#sql.overdue.all(now, limit).map(({ id }) => String(id)));
  }

  close(): Promise<void> {
    if (this.#db.isOpen) {
      this.#writes.close();
      this.#db.close();
    }
    return Promise.resolve();
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
    const { payload, result } = this.#sql.bodies.get(id)!;
    return { payload: String(payload), ...result === null ? {} : { result: String(result) } };
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
    const due = isFinal(record.state) ? null : record.deadline ?? null;
    const publishAfter = record.publishAfter ?? null;
    this.#sql.setRecord.run(record.id, JSON.stringify(record), seq, due, publishAfter);
  }
}

const STATEMENTS = {
  head: "SELECT record, seq FROM gateway_envelopes WHERE id = ?",
  setRecord:
    `INSERT INTO gateway_envelopes (id, record, seq, due, publish_after) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET record = excluded.record, seq = excluded.seq,
      due = excluded.due, publish_after = excluded.publish_after`,
  bodies: "SELECT payload, result FROM gateway_bodies WHERE id = ?",
  addBodies: "INSERT INTO gateway_bodies (id, payload, result) VALUES (?, ?, ?)",
  setResult: "UPDATE gateway_bodies SET result = ? WHERE id = ?",
  updates: `SELECT seq, kind, final, data FROM gateway_updates WHERE id = ? AND seq > ?
    ORDER BY seq LIMIT ?`,
  addUpdate: "INSERT INTO gateway_updates (id, seq, kind, final, data) VALUES (?, ?, ?, ?, ?)",
  moveUpdate: "UPDATE gateway_updates SET seq = ? WHERE id = ? AND seq = ?",
  unpublished: `SELECT id FROM gateway_envelopes WHERE publish_after <= ?
    ORDER BY publish_after LIMIT ?`,
  overdue: "SELECT id FROM gateway_envelopes WHERE due <= ? ORDER BY due LIMIT ?",
} as const;

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
export function openSqliteStore(path: string): Store {
  return new SqliteStore(path);
}
