/** Keys as the stores' tables have them: `gateway_api_keys`, one column a member. */

import type { ApiKey } from "../auth/api_key.ts";

/** The columns, in the order of {@linkcode keyValues}. */
export const KEY_COLUMNS = "id, name, hash, tools, created, expires, revoked, rate, concurrent";

/** A key's values. */
export function keyValues(key: ApiKey): (string | number | null)[] {
  return [
    key.id,
    key.name,
    key.hash,
    JSON.stringify(key.tools),
    key.createdAt,
    key.expiresAt ?? null,
    key.revokedAt ?? null,
    key.rate ?? null,
    key.concurrent ?? null,
  ];
}

/** The key of a row. */
export function readKey(row: Readonly<Record<string, unknown>>): ApiKey {
  const number = (name: string, value: unknown) => value === null ? {} : { [name]: Number(value) };
  return {
    id: String(row.id),
    name: String(row.name),
    hash: String(row.hash),
    tools: JSON.parse(String(row.tools)),
    createdAt: Number(row.created),
    ...number("expiresAt", row.expires),
    ...number("revokedAt", row.revoked),
    ...row.rate === null ? {} : { rate: String(row.rate) },
    ...number("concurrent", row.concurrent),
  };
}
