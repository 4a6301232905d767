/** API keys in the database that several gateways share. */

import type { ApiKey } from "../../auth/api_key.ts";
import type { KeyStore } from "../../auth/key_store.ts";
import { KEY_COLUMNS, keyValues, readKey } from "../key_rows.ts";
import { parseDatabaseUrl } from "./address.ts";
import { Database, type Parameter } from "./database.ts";
import { migrate } from "./schema.ts";

type Row = Readonly<Record<string, unknown>>;

class PostgresKeys implements KeyStore {
  readonly #database: Database;
  /** The tables are there; forgotten where that failed, so that the next one tries again. */
  #prepared: Promise<void> | undefined;

  constructor(url: string) {
    this.#database = new Database(parseDatabaseUrl(url), { connections: 1 });
  }

  async #query(text: string, parameters: readonly Parameter[]): Promise<Row[]> {
    const prepared = this.#prepared ??= migrate(this.#database);
    try {
      await prepared;
    } catch (error) {
      if (this.#prepared === prepared) this.#prepared = undefined;
      throw error;
    }
    return await this.#database.query<Row>(text, parameters);
  }

  async add(key: ApiKey): Promise<void> {
    await this.#query(
      `INSERT INTO gateway_api_keys (${KEY_COLUMNS})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      keyValues(key),
    );
  }

  async find(id: string): Promise<ApiKey | undefined> {
    const sql = `SELECT ${KEY_COLUMNS} FROM gateway_api_keys WHERE id = $1`;
    const [row] = await this.#query(sql, [id]);
    return row && readKey(row);
  }

  async list(limit: number): Promise<ApiKey[]> {
    const sql = `SELECT ${KEY_COLUMNS} FROM gateway_api_keys ORDER BY created, id LIMIT $1`;
    return (await this.#query(sql, [limit])).map(readKey);
  }

  async revoke(id: string, now: number): Promise<boolean> {
    const sql = `UPDATE gateway_api_keys SET revoked = coalesce(revoked, $1) WHERE id = $2
      RETURNING id`;
    return (await this.#query(sql, [now, id])).length === 1;
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

/**
 * Opens the keys in a PostgreSQL database; it is connected to when it is asked for something.
 *
 * @param url as for the store
 */
export function openPostgresKeys(url: string): KeyStore {
  return new PostgresKeys(url);
}
