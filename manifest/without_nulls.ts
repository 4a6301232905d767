/** `null` in a manifest: no value at all. */

/** Deeper is no manifest. */
const MAX_DEPTH = 100;

/** Fields without a value count as absent, as `kubectl apply` has it. */
export function withoutNulls(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth + 1));
  const kept = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutNulls(item, depth + 1)]));
}
