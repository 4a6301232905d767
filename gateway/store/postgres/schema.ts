/** The tables, and how those of an older version become today's. */

import { StoreUnavailable } from "../store.ts";
import type { Database } from "./database.ts";
import { TAKEOVER } from "./takeover.ts";

/**
 * From each version to the next; what has been released is never edited. A change of a record is
 * made against its `version`. Times are milliseconds since 1970. `due` is the deadline of an open
 * envelope, `ended` when it became final. The fill factor leaves room to change a row on its page.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE gateway_envelopes (
    id text COLLATE "C" PRIMARY KEY,
    record text NOT NULL,
    version integer NOT NULL,
    seq integer NOT NULL,
    due double precision,
    publish_after double precision,
    ended double precision,
    payload text NOT NULL,
    result text
  ) WITH (fillfactor = 70);
  CREATE INDEX gateway_due ON gateway_envelopes (due) WHERE due IS NOT NULL;
  CREATE INDEX gateway_unpublished ON gateway_envelopes (publish_after)
    WHERE publish_after IS NOT NULL;
  CREATE INDEX gateway_ended ON gateway_envelopes (ended) WHERE ended IS NOT NULL;
  CREATE TABLE gateway_updates (
    id text COLLATE "C" NOT NULL,
    seq integer NOT NULL,
    kind text NOT NULL,
    final boolean NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (id, seq)
  );`,
  // A record is one JSON object of plain members; its texts may hold what jsonb refuses.
  `ALTER TABLE gateway_envelopes
    ADD state text, ADD tool text, ADD actor text, ADD parent text COLLATE "C",
    ADD created double precision, ADD failed_input text;
  UPDATE gateway_envelopes SET
    state = substring(record from '"state":"([a-z]+)"'),
    actor = coalesce(substring(record from '"currentActorName":"([^"\\\\]*)"'),
      substring(record from '"actors":\\["([^"\\\\]*)"')),
    parent = substring(record from '"parentId":"([^"\\\\]*)"'),
    created = substring(record from '"createdAt":([0-9.e+-]+)')::double precision;
  CREATE INDEX gateway_created ON gateway_envelopes (created, id);
  CREATE INDEX gateway_state ON gateway_envelopes (state, created, id);
  CREATE INDEX gateway_actor ON gateway_envelopes (actor, created, id);
  CREATE INDEX gateway_tool ON gateway_envelopes (tool, created, id) WHERE tool IS NOT NULL;
  CREATE INDEX gateway_parent ON gateway_envelopes (parent, created, id)
    WHERE parent IS NOT NULL;
  CREATE TABLE gateway_keys (
    key text COLLATE "C" PRIMARY KEY,
    fingerprint text NOT NULL,
    id text NOT NULL,
    used double precision NOT NULL
  );
  CREATE INDEX gateway_keys_used ON gateway_keys (used);`,
  `CREATE TABLE gateway_api_keys (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    hash text NOT NULL,
    tools text NOT NULL,
    created double precision NOT NULL,
    expires double precision,
    revoked double precision,
    rate text,
    concurrent integer
  );`,
  TAKEOVER,
];

/** Held while tables are made; the number is ours alone by chance. */
const ADVISORY_LOCK = 5_283_046_917_312n;
/** SQLSTATE of our own for tables that are newer than this program. */
const NEWER = "AG001";

/** The database belongs to a newer program; waiting does not mend it. */
export class StoreTooNew extends Error {
  /** The class's name. */
  override readonly name = "StoreTooNew";
  /** Stable, for programs. */
  readonly code = "store_too_new";
}

/** One statement, one transaction: whoever comes second waits for the lock and finds it done. */
function migration(migrations: readonly string[]): string {
  const steps = migrations.map((sql, index) =>
    `IF found < ${index + 1} THEN
      ${sql}
      INSERT INTO gateway_schema (version) VALUES (${index + 1});
    END IF;`
  );
  return `DO $migration$ DECLARE found integer; BEGIN
    PERFORM pg_advisory_xact_lock(${ADVISORY_LOCK});
    IF to_regclass('gateway_schema') IS NULL THEN
      CREATE TABLE gateway_schema (version integer PRIMARY KEY, at timestamptz DEFAULT now());
    END IF;
    SELECT coalesce(max(version), 0) INTO found FROM gateway_schema;
    IF found > ${migrations.length} THEN
      RAISE EXCEPTION USING ERRCODE = '${NEWER}', MESSAGE = found::text;
    END IF;
    ${steps.join("\n")}
  END $migration$`;
}

/**
 * Makes the tables what this program knows. Several may do it at once. A user who may not make
 * tables is enough where there is nothing to do.
 *
 * @throws StoreTooNew, StoreUnavailable
 */
export async function migrate(
  database: Database,
  migrations: readonly string[] = MIGRATIONS,
): Promise<void> {
  try {
    await database.query(migration(migrations));
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown; message?: unknown } };
    if (!(error instanceof StoreUnavailable) || cause?.code !== NEWER) throw error;
    throw new StoreTooNew(
      `the gateway's tables in this database have version ${cause.message}, this program knows ` +
        `${migrations.length}: run the newer program, or give this one a database of its own`,
    );
  }
}
