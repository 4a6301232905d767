/**
 * Chooses the rest of an envelope's route by rules, the setting `rules`: the first one that holds
 * decides. Where none does, the route stays as it is.
 */

import type { Context, Envelope } from "asya/typescript";

/** Holds where the member `path` of the payload is `is`, or greater than `above`; else always. */
interface Rule {
  /** Names of members, e.g. `customer.country`. */
  readonly path?: string;
  readonly is?: string | number | boolean | null;
  readonly above?: number;
  /** The actors that follow. */
  readonly route: readonly string[];
}

function memberAt(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split(".")) {
    const isObject = typeof found === "object" && found !== null && Object.hasOwn(found, name);
    found = isObject ? (found as Record<string, unknown>)[name] : undefined;
  }
  return found;
}

function holds({ path, is, above }: Rule, payload: unknown): boolean {
  if (path === undefined) return true;
  const found = memberAt(payload, path);
  return above === undefined ? found === is : typeof found === "number" && found > above;
}

export default function handle(envelope: Envelope, { config }: Context): Envelope {
  const { route, payload } = envelope;
  const rules: readonly Rule[] = JSON.parse(config["rules"] ?? "[]");
  const rule = rules.find((one) => holds(one, payload));
  const next = route.current + 1;
  if (rule) route.actors.splice(next, Infinity, ...rule.route);
  route.current = next;
  return envelope;
}
