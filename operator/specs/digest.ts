/** A short name for content, in annotations whose change rolls the pods. */

import { createHash } from "node:crypto";

/** 16 hex digits of SHA-256 over keys and values, whatever the order of the keys. */
export function digest(values: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(values).toSorted(([a], [b]) => a < b ? -1 : 1);
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}
