/** Reading envelopes and their histories, many at a time; and what is due. */

import type { StoredEnvelope } from "../../envelopes/view.ts";
import type { EnvelopeRecord } from "../../envelopes/record.ts";
import { listStatement } from "../list.ts";
import type { ListQuery, StoredUpdate } from "../store.ts";
import type { Database } from "./database.ts";
import { fromKey, HEAD, type Head, list, readRecord, toKey } from "./rows.ts";

interface Row extends Head {
  readonly payload: string;
  readonly result: string | null;
  readonly failed_input: string | null;
}

/** Envelopes whose bodies have more characters than this together are read one at a time. */
const SMALL = 65_536;

function toEnvelope(row: Row): StoredEnvelope {
  const result = row.result === null ? {} : { result: row.result };
  const failedInput = row.failed_input === null ? {} : { failedInput: row.failed_input };
  return { record: readRecord(row), payload: row.payload, ...result, ...failedInput };
}

const GET = `SELECT ${HEAD}, payload, result, failed_input FROM gateway_envelopes WHERE id = $1`;

const GET_SMALL = `SELECT ${HEAD}, small, CASE WHEN small THEN payload END AS payload,
    CASE WHEN small THEN result END AS result, CASE WHEN small THEN failed_input END AS failed_input
  FROM gateway_envelopes CROSS JOIN LATERAL (SELECT octet_length(payload) +
    coalesce(octet_length(result), 0) + coalesce(octet_length(failed_input), 0) <= ${SMALL} AS small
  ) AS size WHERE id = ANY($1::text[])`;

/** Envelopes with their bodies, in the order of the ids. */
export async function readEnvelopes(
  database: Database,
  ids: readonly string[],
): Promise<(StoredEnvelope | undefined)[]> {
  const keys = ids.map(toKey);
  const wanted = [...new Set(keys)];
  const byKey = new Map<string, StoredEnvelope>();
  let large = wanted;
  if (wanted.length > 1) {
    const rows = await database.query<Row & { small: boolean }>(GET_SMALL, [list(wanted)]);
    for (const row of rows) if (row.small) byKey.set(row.id, toEnvelope(row));
    large = rows.filter(({ small }) => !small).map(({ id }) => id);
  }
  for (const key of large) {
    const [row] = await database.query<Row>(GET, [key]);
    if (row !== undefined) byKey.set(key, toEnvelope(row));
  }
  return keys.map((key) => byKey.get(key));
}

/** See {@linkcode Store.list}. */
export async function listRecords(
  database: Database,
  query: ListQuery,
): Promise<EnvelopeRecord[]> {
  const options = { columns: HEAD, place: (n: number) => `$${n}`, toKey };
  const { sql, values } = listStatement(query, options);
  return (await database.query<Head>(sql, values)).map(readRecord);
}

/** A part of a history: what is behind a number, at most so many. */
export interface Page {
  readonly id: string;
  readonly after: number;
  readonly limit: number;
}

/** The final update is shown with the number of all, and with the result. */
const UPDATES = `SELECT p.n::integer, least(u.seq, e.seq) AS seq, u.kind, u.final, u.data,
    CASE WHEN u.final THEN e.result END AS result
  FROM unnest($1::text[], $2::integer[], $3::integer[]) WITH ORDINALITY AS p(id, after, size, n)
  JOIN gateway_envelopes AS e ON e.id = p.id AND e.seq > p.after
  CROSS JOIN LATERAL (
    SELECT * FROM gateway_updates WHERE id = p.id AND seq > p.after ORDER BY seq LIMIT p.size
  ) AS u
  ORDER BY p.n, u.seq`;

/** The pages of histories, in the order they were asked for. */
export async function readUpdates(
  database: Database,
  pages: readonly Page[],
): Promise<StoredUpdate[][]> {
  type Row = Omit<StoredUpdate, "result"> & { n: number; result: string | null };
  const rows = await database.query<Row>(UPDATES, [
    list(pages.map(({ id }) => toKey(id))),
    list(pages.map(({ after }) => after)),
    list(pages.map(({ limit }) => limit)),
  ]);
  const found: StoredUpdate[][] = pages.map(() => []);
  for (const { n, result, ...update } of rows) {
    found[n - 1]!.push(result === null ? update : { ...update, result });
  }
  return found;
}

/** Whoever is at the same rows already is left to it. */
const CLAIM = `WITH taken AS MATERIALIZED (
    SELECT id, publish_after AS since FROM gateway_envelopes WHERE publish_after <= $1
    ORDER BY publish_after LIMIT $3 FOR UPDATE SKIP LOCKED
  )
  UPDATE gateway_envelopes AS e SET publish_after = $2, version = version + 1
  FROM taken WHERE e.id = taken.id
  RETURNING e.id, record, version, seq, publish_after, payload, result, failed_input, since`;

/** See {@linkcode Store.claimUnpublished}. */
export async function claim(
  database: Database,
  { now, until, limit }: { now: number; until: number; limit: number },
): Promise<StoredEnvelope[]> {
  const rows = await database.query<Row & { since: number }>(CLAIM, [now, until, limit]);
  return rows.toSorted((a, b) => a.since - b.since).map(toEnvelope);
}

const OUTBOX = `SELECT count(*)::integer AS count, min(created) AS oldest FROM
  (SELECT created FROM gateway_envelopes WHERE publish_after IS NOT NULL LIMIT $1) AS waiting`;

/** See {@linkcode Store.outbox}. */
export async function outbox(
  database: Database,
  limit: number,
): Promise<{ readonly count: number; readonly oldest?: number }> {
  const rows = await database.query<{ count: number; oldest: number | null }>(OUTBOX, [limit]);
  const { count, oldest } = rows[0]!;
  return { count, ...oldest === null ? {} : { oldest } };
}

const OVERDUE = "SELECT id FROM gateway_envelopes WHERE due <= $1 ORDER BY due LIMIT $2";

/** See {@linkcode Store.overdue}. It claims nothing: of many who end an envelope one wins. */
export async function overdue(database: Database, now: number, limit: number): Promise<string[]> {
  const rows = await database.query<{ id: string }>(OVERDUE, [now, limit]);
  return rows.map(({ id }) => fromKey(id));
}

const FORGET = `WITH old AS MATERIALIZED (
    SELECT id FROM gateway_envelopes WHERE ended < $1 ORDER BY ended LIMIT $2
    FOR UPDATE SKIP LOCKED
  ), history AS (DELETE FROM gateway_updates AS u USING old WHERE u.id = old.id)
  DELETE FROM gateway_envelopes AS e USING old WHERE e.id = old.id RETURNING e.id`;

/** Deletes final envelopes that ended before a time, oldest first; how many. */
export async function forget(database: Database, before: number, limit: number): Promise<number> {
  return (await database.query(FORGET, [before, limit])).length;
}

const FORGET_KEYS = `DELETE FROM gateway_keys WHERE key IN
  (SELECT key FROM gateway_keys WHERE used < $1 ORDER BY used LIMIT $2 FOR UPDATE SKIP LOCKED)`;

/** Deletes keys that were used before a time, the oldest first. */
export async function forgetKeys(database: Database, before: number, limit: number): Promise<void> {
  await database.query(FORGET_KEYS, [before, limit]);
}
