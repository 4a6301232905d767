/** How envelopes become rows and back. */

import { type EnvelopeRecord, withoutPublishAfter } from "../../envelopes/record.ts";

/** The columns of {@linkcode Head}. */
export const HEAD = "id, record, version, seq, publish_after";

/** A row without its bodies. */
export interface Head {
  readonly id: string;
  readonly record: string;
  readonly version: number;
  readonly seq: number;
  readonly publish_after: number | null;
}

/**
 * An id as the database keeps it: itself, but for what PostgreSQL's texts cannot hold, NUL and
 * halves of surrogate pairs, which become escapes, and the backslash, so that it can be undone.
 */
export function toKey(id: string): string {
  return id.replace(
    /[\0\\]|\p{Cs}/gu,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The id of {@linkcode toKey}. */
export function fromKey(key: string): string {
  return key.replace(/\\u([0-9a-f]{4})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

/** A list of short texts or numbers as a parameter, in PostgreSQL's notation for arrays. */
export function list(values: readonly (string | number)[]): string {
  const items = values.map((value) =>
    typeof value === "string" ? `"${value.replaceAll(/["\\]/g, "\\$&")}"` : value
  );
  return `{${items.join(",")}}`;
}

/** The record as text; when to publish has a column of its own, which claims change. */
export function recordText(record: EnvelopeRecord): string {
  return JSON.stringify(withoutPublishAfter(record));
}

/** The record of a row. */
export function readRecord(row: Pick<Head, "record" | "publish_after">): EnvelopeRecord {
  const record = JSON.parse(row.record);
  return row.publish_after === null ? record : { ...record, publishAfter: row.publish_after };
}
