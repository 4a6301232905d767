/** Adding and changing envelopes, many at a time. */

import type { JsonText } from "@asya/envelope";
import type { Change, EnvelopeRecord } from "../../envelopes/record.ts";
import { type Once, type Outcome, StoreUnavailable } from "../store.ts";
import type { Database } from "./database.ts";
import { ADD_AND_NOTIFY, COLUMNS, Draft, draftParameters, ENVELOPES } from "./draft.ts";
import type { Recent } from "./recent.ts";
import { fromKey, HEAD, type Head, list, readRecord, toKey } from "./rows.ts";

/** How often a change is decided anew because another gateway was faster. */
const MAX_ATTEMPTS = 100;

/** Where updates are announced, and what is remembered of what was written. */
export interface Announcement {
  readonly channel: string;
  /** What comes before the envelope's id. */
  readonly sender: string;
  readonly recent: Recent;
  /** Called with the ids of envelopes that have new updates, after these can be read. */
  readonly stored: (ids: readonly string[]) => void;
}

/** An envelope to add. */
export interface CreateJob {
  readonly change: Change;
  readonly payload: JsonText;
}

/** An envelope to change. */
export interface ChangeJob {
  readonly id: string;
  readonly decide: (record: EnvelopeRecord) => Change | undefined;
}

/** Gives a change's outcome, or throws what its `decide` threw. */
export type Settled = () => Outcome | undefined;

/** The version of a row that is new. */
const FIRST_VERSION = 0;

const CREATE = `WITH stored AS (
    INSERT INTO gateway_envelopes (${COLUMNS})
    SELECT * FROM ${ENVELOPES} ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
  ), ${ADD_AND_NOTIFY}`;

const HEADS = `SELECT ${HEAD} FROM gateway_envelopes WHERE id = ANY($1::text[])`;

/** Locks in the order of ids, so that two gateways never wait for each other. */
const CHANGE = `WITH d AS MATERIALIZED (SELECT * FROM ${ENVELOPES}),
  locked AS MATERIALIZED (
    SELECT e.id FROM gateway_envelopes AS e JOIN d USING (id) ORDER BY e.id FOR UPDATE OF e
  ), stored AS (
    UPDATE gateway_envelopes AS e SET record = d.record, version = d.version + 1, seq = d.seq,
      due = d.due, publish_after = d.publish_after, ended = d.ended,
      result = coalesce(d.result, e.result),
      failed_input = coalesce(d.failed_input, e.failed_input), state = d.state, tool = d.tool,
      actor = d.actor, parent = d.parent, created = d.created
    FROM d JOIN locked USING (id) WHERE e.id = d.id AND e.version = d.version
    RETURNING e.id
  ), ${ADD_AND_NOTIFY}`;

/** Adds an envelope where its key is free; whoever comes second waits until the first is done. */
const CREATE_ONCE = `WITH taken AS (
    INSERT INTO gateway_keys AS k (key, fingerprint, id, used)
    SELECT $5, $6, d.id, d.created FROM ${ENVELOPES}
    ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, id = excluded.id,
      used = excluded.used WHERE k.used < $7
    RETURNING id
  ), stored AS (
    INSERT INTO gateway_envelopes (${COLUMNS}) SELECT d.* FROM ${ENVELOPES} JOIN taken USING (id)
    RETURNING id
  ), ${ADD_AND_NOTIFY}`;

const KEY = "SELECT id, fingerprint FROM gateway_keys WHERE key = $1";

/** Writes drafts in one transaction; the keys of those that were written. */
async function write(
  database: Database,
  { channel, sender, recent, stored }: Announcement,
  sql: string,
  drafts: readonly Draft[],
  payloads?: readonly JsonText[],
): Promise<Set<string>> {
  const parameters = [...draftParameters(drafts, payloads), channel, sender];
  const rows = await database.query<{ id: string }>(sql, parameters);
  const written = new Set(rows.map(({ id }) => id));
  const done = drafts.filter(({ record }) => written.has(toKey(record.id)));
  for (const draft of done) {
    recent.wrote(draft.written(sql === CREATE ? FIRST_VERSION : draft.version + 1));
  }
  stored(done.filter(({ updates }) => updates.length > 0).map(({ record }) => record.id));
  return written;
}

function firstDraft(change: Change): Draft {
  const draft = new Draft({ ...change.record, state: "pending" }, {
    version: FIRST_VERSION,
    seq: 0,
  });
  draft.apply(change);
  return draft;
}

/** Adds envelopes; of each whether it was new. */
export async function createAll(
  database: Database,
  to: Announcement,
  jobs: readonly CreateJob[],
): Promise<boolean[]> {
  const first = new Map<string, CreateJob>();
  for (const job of jobs) {
    if (!first.has(job.change.record.id)) first.set(job.change.record.id, job);
  }
  const drafts = Array.from(first.values(), ({ change }) => firstDraft(change));
  const payloads = Array.from(first.values(), ({ payload }) => payload);
  const written = await write(database, to, CREATE, drafts, payloads);
  return jobs.map((job) => {
    const { id } = job.change.record;
    return first.get(id) === job && written.has(toKey(id));
  });
}

/** See {@linkcode Store.createOnce}. */
export async function createOnce(
  database: Database,
  { channel, sender }: Announcement,
  { change, payload, once: { key, fingerprint, freeBefore } }: CreateJob & { readonly once: Once },
): Promise<{ readonly id: string; readonly fingerprint: string }> {
  const { id } = change.record;
  const parameters = [
    ...draftParameters([firstDraft(change)], [payload]),
    channel,
    sender,
    key,
    fingerprint,
    freeBefore,
  ];
  const stored = await database.query<{ id: string }>(CREATE_ONCE, parameters);
  if (stored.length > 0) return { id, fingerprint };
  const [taken] = await database.query<{ id: string; fingerprint: string }>(KEY, [key]);
  if (taken) return { id: fromKey(taken.id), fingerprint: taken.fingerprint };
  throw new StoreUnavailable("the key was given up just now"); // it had become old: ask again
}

/** The heads of envelopes by their ids; those that do not exist are missing. */
export async function readHeads(
  database: Database,
  ids: readonly string[],
): Promise<Map<string, Head>> {
  const keys = new Set(ids.map(toKey));
  const rows = await database.query<Head>(HEADS, [list([...keys])]);
  return new Map(rows.map((row) => [row.id, row]));
}

function decideOn(draft: Draft | undefined, { decide }: ChangeJob): Settled {
  if (draft === undefined) return () => undefined;
  try {
    const change = decide(draft.record);
    if (change !== undefined) draft.apply(change);
    const outcome = { changed: change !== undefined, record: draft.record };
    return () => outcome;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Drafts of envelopes by their keys, on what was written last or, where `fresh`, on what is read. */
async function draftsOf(
  database: Database,
  recent: Recent,
  { ids, fresh }: { readonly ids: readonly string[]; readonly fresh: boolean },
): Promise<{ readonly drafts: Map<string, Draft>; readonly remembered: Set<Draft> }> {
  const drafts = new Map<string, Draft>();
  const unknown: string[] = [];
  for (const id of ids) {
    const row = fresh ? undefined : recent.row(id);
    if (row === undefined) unknown.push(id);
    else drafts.set(toKey(id), new Draft(row.record, row));
  }
  const remembered = new Set(drafts.values());
  const heads = unknown.length > 0 ? await readHeads(database, unknown) : new Map<string, Head>();
  for (const head of heads.values()) drafts.set(head.id, new Draft(readRecord(head), head));
  return { drafts, remembered };
}

/**
 * Decides, and writes what still has the version that was decided on; what has not is done again.
 * The first time the decision is on what we wrote last, where that is known: it counts only if it
 * is written. No lock is held while we think: a gateway that stands still stops nobody.
 */
export async function changeAll(
  database: Database,
  to: Announcement,
  jobs: readonly ChangeJob[],
): Promise<Settled[]> {
  const settled = new Map<ChangeJob, Settled>();
  let open = jobs;
  for (let attempt = 0; open.length > 0; attempt++) {
    if (attempt === MAX_ATTEMPTS) {
      throw new StoreUnavailable(`an envelope was changed by others ${MAX_ATTEMPTS} times`);
    }
    const fresh = attempt > 0;
    const ids = open.map(({ id }) => id);
    const { drafts, remembered } = await draftsOf(database, to.recent, { ids, fresh });
    const decided = open.map((job) => {
      const draft = drafts.get(toKey(job.id));
      return { job, draft, settle: decideOn(draft, job) };
    });
    const changed = [...drafts.values()].filter((draft) => draft.changed);
    const written = changed.length === 0
      ? new Set<string>()
      : await write(database, to, CHANGE, changed);
    const done = decided.filter(({ job, draft }) =>
      draft?.changed ? written.has(toKey(job.id)) : !draft || !remembered.has(draft)
    );
    for (const { job, settle } of done) settled.set(job, settle);
    open = open.filter((job) => !settled.has(job));
  }
  return jobs.map((job) => settled.get(job)!);
}
