/** What is to be written of one envelope: several changes, one row. */

import type { JsonText } from "@asya/envelope";
import {
  actorOf,
  type Change,
  type EnvelopeRecord,
  isFinal,
  type Update,
} from "../../envelopes/record.ts";
import { MAX_UPDATES } from "../store.ts";
import type { Written } from "./recent.ts";
import { recordText, toKey } from "./rows.ts";
import { LAST } from "./last.ts";

/** An envelope as it will be. */
export class Draft {
  /** The row's version that the changes were decided on. */
  readonly version: number;
  record: EnvelopeRecord;
  seq: number;
  result: string | undefined;
  failedInput: string | undefined;
  readonly updates: (Update & { readonly seq: number })[] = [];
  changed = false;
  readonly #before: { readonly seq: number; readonly final: boolean };

  /** @param seq how many updates it has */
  constructor(record: EnvelopeRecord, { version, seq }: { version: number; seq: number }) {
    this.record = record;
    this.version = version;
    this.seq = seq;
    this.#before = { seq, final: isFinal(record.state) };
  }

  /** Makes a change on top of those before. */
  apply({ record, update, result, failedInput }: Change): void {
    if (update !== undefined && (update.final || this.seq < MAX_UPDATES)) {
      // One that comes after the end takes the final one's number, which moves on.
      const next = isFinal(this.record.state) && this.seq > 0 ? this.seq : this.seq + 1;
      this.updates.push({ ...update, seq: update.final ? LAST : next });
      this.seq++;
    }
    this.record = record;
    this.result = result ?? this.result;
    this.failedInput = failedInput ?? this.failedInput;
    this.changed = true;
  }

  /** The row once it is written with this version. */
  written(version: number): Written {
    const { record, seq, updates, result } = this;
    const { seq: after, final } = this.#before;
    if (final) return { record, version, seq }; // its final update has moved
    const shown = updates.map((update) => ({
      ...update,
      seq: Math.min(update.seq, seq),
      ...update.final && result !== undefined ? { result } : {},
    }));
    const inOrder = shown.toSorted((a, b) => a.seq - b.seq); // the final one may not be the last
    return { record, version, seq, tail: { after, updates: inOrder } };
  }
}

/** The columns of {@linkcode ENVELOPES}, in its order. */
export const COLUMNS = `id, record, version, seq, due, publish_after, ended, payload, result,
  failed_input, state, tool, actor, parent, created`;

/** An envelope's row; a body that is absent stays as it is. */
function row({ record, version, seq, result, failedInput }: Draft, payload?: JsonText) {
  const { tool, parentId } = record;
  const actor = actorOf(record);
  const ended = isFinal(record.state);
  return {
    id: toKey(record.id),
    record: recordText(record),
    version,
    seq,
    due: ended ? null : record.deadline,
    publish_after: record.publishAfter,
    ended: ended ? record.updatedAt : null,
    payload,
    result,
    failed_input: failedInput,
    state: record.state,
    tool: tool && toKey(tool),
    actor: actor && toKey(actor),
    parent: parentId && toKey(parentId),
    created: record.createdAt,
  };
}

/**
 * The parameters of {@linkcode ENVELOPES} and {@linkcode UPDATES}: JSON, as nothing else is written
 * and read as fast where texts are long and full of quotes.
 */
export function draftParameters(
  drafts: readonly Draft[],
  payloads: readonly JsonText[] = [],
): [string, string] {
  const updates = drafts.flatMap(({ record, updates }) =>
    updates.map((update) => ({ ...update, id: toKey(record.id) }))
  );
  return [
    JSON.stringify(drafts.map((draft, index) => row(draft, payloads[index]))),
    JSON.stringify(updates),
  ];
}

/** Drafts as rows `d`. */
export const ENVELOPES = `json_to_recordset($1::text::json) AS d(id text, record text,
  version integer, seq integer, due double precision, publish_after double precision,
  ended double precision, payload text, result text, failed_input text, state text, tool text,
  actor text, parent text, created double precision)`;

/** Their updates as rows `u`. */
const UPDATES = `json_to_recordset($2::text::json) AS u(id text, seq integer, kind text,
  final boolean, data text)`;

/** What happens with the rows that were written, `stored`, in the same transaction. */
export const ADD_AND_NOTIFY = `added AS (
    INSERT INTO gateway_updates (id, seq, kind, final, data)
    SELECT u.id, u.seq, u.kind, u.final, u.data FROM ${UPDATES} JOIN stored USING (id)
    RETURNING id
  ), told AS MATERIALIZED (
    SELECT pg_notify($3, $4 || id) FROM (SELECT DISTINCT id FROM added) AS distinct_ids
  )
  SELECT stored.id, (SELECT count(*) FROM told) AS told FROM stored`;
