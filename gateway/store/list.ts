/** The statement behind {@linkcode Store.list}: fixed parts, chosen by what is asked for. */

import type { ListQuery } from "./store.ts";

/** A value of a statement. */
type Value = string | number;

/**
 * A SELECT and its values. Nothing of the query becomes part of the text.
 *
 * @param columns what is selected
 * @param place how the statement writes its n-th value, from 1: `$1`, `?1`
 * @param toKey an id as the database keeps it
 */
export function listStatement(
  query: ListQuery,
  { columns, place, toKey }: {
    readonly columns: string;
    readonly place: (n: number) => string;
    readonly toKey: (id: string) => string;
  },
): { readonly sql: string; readonly values: Value[] } {
  const { states, actor, tool, tools, parentId, createdFrom, createdBefore, behind, limit } = query;
  const values: Value[] = [];
  const value = (one: Value) => place(values.push(one));
  const conditions: string[] = [];
  if (states !== undefined) conditions.push(`state IN (${states.map(value).join(", ")})`);
  if (actor !== undefined) conditions.push(`actor = ${value(toKey(actor))}`);
  if (tool !== undefined) conditions.push(`tool = ${value(toKey(tool))}`);
  if (tools !== undefined) conditions.push(`tool IN (${tools.map(toKey).map(value).join(", ")})`);
  if (parentId !== undefined) conditions.push(`parent = ${value(toKey(parentId))}`);
  if (createdFrom !== undefined) conditions.push(`created >= ${value(createdFrom)}`);
  if (createdBefore !== undefined) conditions.push(`created < ${value(createdBefore)}`);
  if (behind !== undefined) {
    conditions.push(`(created, id) < (${value(behind.createdAt)}, ${value(toKey(behind.id))})`);
  }
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const sql = `SELECT ${columns} FROM gateway_envelopes ${where}
    ORDER BY created DESC, id DESC LIMIT ${value(limit)}`;
  return { sql, values };
}
