/**
 * The tables, all prefixed `mq_`: the file may hold other tables too. A body is written once into
 * `mq_message` and never touched again; who may have it is a small row in `mq_waiting` or `mq_claim`.
 */

import type { DatabaseSync } from "node:sqlite";
import { TransportUnavailable } from "../queue.ts";

/** What this program writes; a file of a higher version is refused. */
export const SCHEMA_VERSION = 1;

const TABLES = `
  CREATE TABLE mq_schema (version INTEGER NOT NULL) STRICT;
  INSERT INTO mq_schema VALUES (${SCHEMA_VERSION});

  CREATE TABLE mq_queue (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

  CREATE TABLE mq_message (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;

  -- due: 0 = ready; else the time, in ms since 1970, at which it becomes ready
  CREATE TABLE mq_waiting (
    queue INTEGER NOT NULL,
    due INTEGER NOT NULL,
    id INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    PRIMARY KEY (queue, due, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE mq_claim (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    token INTEGER NOT NULL,
    deliveries INTEGER NOT NULL
  ) STRICT;

  -- a process that receives; its claims are void after lease_until
  CREATE TABLE mq_owner (id INTEGER PRIMARY KEY, lease_until INTEGER NOT NULL) STRICT;

  CREATE TABLE mq_dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX mq_dead_letter_by_queue ON mq_dead_letter (queue, id);
`;

function versionOf(db: DatabaseSync): number | undefined {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'mq_schema'").get();
  if (table === undefined) return undefined;
  return Number(db.prepare("SELECT version FROM mq_schema").get()?.["version"]);
}

/**
 * Creates the tables where they are missing.
 *
 * @throws TransportUnavailable when a newer program wrote the file
 */
export function prepareSchema(db: DatabaseSync, path: string): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    const version = versionOf(db);
    if (version === undefined) db.exec(TABLES);
    else if (version !== SCHEMA_VERSION) {
      throw new TransportUnavailable(
        `${path} has queue tables of version ${version}, this program knows ${SCHEMA_VERSION}; ` +
          "use the program that wrote it, or name another file",
      );
    }
    db.exec("COMMIT");
  } finally {
    if (db.isTransaction) db.exec("ROLLBACK");
  }
}
