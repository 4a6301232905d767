/**
 * Whether an object already is what an apply would make of it, as far as that can be told without
 * asking the API server: every field that would be applied is there with that value. Fields beside
 * them are other people's.
 */

/** Keys by which the API server merges lists of objects; the first that all entries have counts. */
const LIST_KEYS = ["name", "uid", "mountPath", "containerPort", "type"] as const;

/**
 * False may also mean that the server writes a value otherwise (`1000m` as `1`): applying it then
 * changes nothing.
 */
export function covers(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(live) && coversList(live, wanted);
  if (isObject(wanted)) {
    return isObject(live) &&
      Object.entries(wanted).every(([key, value]) =>
        value === undefined || covers(live[key], value)
      );
  }
  return live === wanted;
}

function coversList(live: readonly unknown[], wanted: readonly unknown[]): boolean {
  const key = LIST_KEYS.find((name) =>
    wanted.length > 0 &&
    wanted.every((entry) => isObject(entry) && entry[name] !== undefined)
  );
  if (key === undefined) {
    return live.length === wanted.length && wanted.every((entry, n) => covers(live[n], entry));
  }
  return (wanted as Record<string, unknown>[]).every((entry) =>
    live.some((one) => isObject(one) && one[key] === entry[key] && covers(one, entry))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
