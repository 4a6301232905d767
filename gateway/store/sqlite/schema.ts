/** The embedded store's tables, and how those of an older version become today's. */

import type { DatabaseSync } from "node:sqlite";

/**
 * From each version to the next; what has been released is never edited. `due` is the deadline of
 * an open envelope, `ended` when it became final; times are milliseconds since 1970. Bodies have a
 * table of their own, because a changed row is written anew as a whole.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE gateway_envelopes (
    id TEXT PRIMARY KEY, record TEXT NOT NULL, seq INTEGER NOT NULL,
    due INTEGER, publish_after INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX gateway_due ON gateway_envelopes (due) WHERE due IS NOT NULL;
  CREATE INDEX gateway_unpublished ON gateway_envelopes (publish_after)
    WHERE publish_after IS NOT NULL;
  CREATE TABLE gateway_bodies (id TEXT PRIMARY KEY, payload TEXT NOT NULL, result TEXT);
  CREATE TABLE gateway_updates (
    id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, final INTEGER NOT NULL,
    data TEXT NOT NULL, PRIMARY KEY (id, seq)
  ) WITHOUT ROWID;`,
  `ALTER TABLE gateway_envelopes ADD state TEXT;
  ALTER TABLE gateway_envelopes ADD tool TEXT;
  ALTER TABLE gateway_envelopes ADD actor TEXT;
  ALTER TABLE gateway_envelopes ADD parent TEXT;
  ALTER TABLE gateway_envelopes ADD created INTEGER;
  ALTER TABLE gateway_envelopes ADD ended INTEGER;
  ALTER TABLE gateway_bodies ADD failed_input TEXT;
  UPDATE gateway_envelopes SET
    state = record ->> '$.state',
    actor = coalesce(record ->> '$.currentActorName',
      record ->> ('$.actors[' || (record ->> '$.currentActorIdx') || ']')),
    parent = record ->> '$.parentId',
    created = record ->> '$.createdAt',
    ended = CASE WHEN (record ->> '$.state') IN ('succeeded', 'failed', 'cancelled')
      THEN record ->> '$.updatedAt' END;
  CREATE INDEX gateway_created ON gateway_envelopes (created, id);
  CREATE INDEX gateway_state ON gateway_envelopes (state, created, id);
  CREATE INDEX gateway_actor ON gateway_envelopes (actor, created, id);
  CREATE INDEX gateway_tool ON gateway_envelopes (tool, created, id) WHERE tool IS NOT NULL;
  CREATE INDEX gateway_parent ON gateway_envelopes (parent, created, id) WHERE parent IS NOT NULL;
  CREATE INDEX gateway_ended ON gateway_envelopes (ended) WHERE ended IS NOT NULL;
  CREATE TABLE gateway_keys (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL, used INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX gateway_keys_used ON gateway_keys (used);`,
  `CREATE TABLE gateway_api_keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, tools TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, revoked INTEGER, rate TEXT, concurrent INTEGER
  ) WITHOUT ROWID;`,
];

/**
 * Makes the tables what this program knows, all or nothing.
 *
 * @throws Error where they belong to a newer program
 */
export function migrate(db: DatabaseSync): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    db.exec("CREATE TABLE IF NOT EXISTS gateway_schema (version INTEGER NOT NULL)");
    const row = db.prepare("SELECT max(version) AS version FROM gateway_schema").get();
    const found = Number(row?.version ?? 0);
    if (found > MIGRATIONS.length) {
      throw new Error(`its tables have version ${found}, this program knows ${MIGRATIONS.length}`);
    }
    for (const sql of MIGRATIONS.slice(found)) db.exec(sql);
    if (found < MIGRATIONS.length) {
      db.prepare("INSERT INTO gateway_schema VALUES (?)").run(MIGRATIONS.length);
    }
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
