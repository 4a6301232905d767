/** API keys in the embedded store's file, which the gateway and the command line open at once. */

import { DatabaseSync } from "node:sqlite";
import type { ApiKey } from "../auth/api_key.ts";
import type { KeyStore } from "../auth/key_store.ts";
import { KEY_COLUMNS, keyValues, readKey } from "./key_rows.ts";
import { migrate } from "./sqlite/schema.ts";
import { StoreUnavailable } from "./store.ts";

/** Waiting for another process, in milliseconds. */
const WAIT_MS = 5_000;

const STATEMENTS = {
  add: `INSERT INTO gateway_api_keys (${KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  find: `SELECT ${KEY_COLUMNS} FROM gateway_api_keys WHERE id = ?`,
  list: `SELECT ${KEY_COLUMNS} FROM gateway_api_keys ORDER BY created, id LIMIT ?`,
  revoke: "UPDATE gateway_api_keys SET revoked = coalesce(revoked, ?) WHERE id = ?",
} as const;

class SqliteKeys implements KeyStore {
  readonly #path: string;
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#path = path;
    this.#db = this.#use(() => {
      Deno.openSync(path, { write: true, create: true, mode: 0o600 }).close();
      const db = new DatabaseSync(path, { timeout: WAIT_MS });
      try {
        db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
        migrate(db);
        return db;
      } catch (error) {
        db.close();
        throw error;
      }
    });
  }

  /** What the file does not let us do is the store's fault. */
  #use<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const message = `cannot use the keys in ${this.#path}: ${String(cause)}`;
      throw new StoreUnavailable(message, { cause });
    }
  }

  // deno-lint-ignore require-await -- what it throws shall reject
  async add(key: ApiKey): Promise<void> {
    this.#use(() => this.#db.prepare(STATEMENTS.add).run(...keyValues(key)));
  }

  // deno-lint-ignore require-await
  async find(id: string): Promise<ApiKey | undefined> {
    const row = this.#use(() => this.#db.prepare(STATEMENTS.find).get(id));
    return row && readKey(row);
  }

  // deno-lint-ignore require-await
  async list(limit: number): Promise<ApiKey[]> {
    return this.#use(() => this.#db.prepare(STATEMENTS.list).all(limit)).map(readKey);
  }

  // deno-lint-ignore require-await
  async revoke(id: string, now: number): Promise<boolean> {
    return this.#use(() => this.#db.prepare(STATEMENTS.revoke).run(now, id)).changes === 1;
  }

  close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
    return Promise.resolve();
  }
}

/**
 * Opens the keys in a file, and makes it if there is none. A gateway may have it open.
 *
 * @throws StoreUnavailable
 */
export function openSqliteKeys(path: string): KeyStore {
  return new SqliteKeys(path);
}
