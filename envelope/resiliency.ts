/** Retry policies and the rules that choose among them, as a manifest or the environment has them. */

import { parseDuration } from "./duration.ts";
import { shown } from "./json.ts";
import { isActorName } from "./names.ts";

const BACKOFFS: readonly Backoff[] = ["constant", "linear", "exponential"];

/** How the wait grows from attempt to attempt. */
export type Backoff = "constant" | "linear" | "exponential";

/** How often and when a failed call is made again. */
export interface RetryPolicy {
  /** Calls in all, the first included. */
  readonly maxAttempts: number;
  /** How the wait grows. */
  readonly backoff: Backoff;
  /** Milliseconds before the second call. */
  readonly initialDelayMs: number;
  /** Longest wait, in milliseconds. */
  readonly maxIntervalMs: number;
  /** No attempt begins later than this after the first one, in milliseconds. */
  readonly maxDurationMs?: number;
  /** Whether the wait is a random part of itself, between half and the whole. */
  readonly jitter: boolean;
  /** Actors that replace the rest of the route when the attempts are used up. */
  readonly onExhausted?: readonly string[];
}

/** Which policy is for which errors. */
export interface RetryRule {
  /** Error classes (dotted: exact; short: the last part) and error codes. */
  readonly errors: readonly string[];
  /** The name of a policy. */
  readonly policy: string;
}

/** All that an actor says about retries. */
export interface Resiliency {
  /** By name; `default` is for what no rule names. */
  readonly policies: ReadonlyMap<string, RetryPolicy>;
  /** The first that matches wins. */
  readonly rules: readonly RetryRule[];
}

/** No retries of handler errors. */
export const NO_RESILIENCY: Resiliency = { policies: new Map(), rules: [] };

/** Policies or rules are wrong; the message lists every problem. */
export class ResiliencyError extends Error {
  /** The class, for logs. */
  override readonly name = "ResiliencyError";
  /** Stable. */
  readonly code = "invalid_resiliency";
  /** `problems`: one sentence each, beginning with the path of the setting. */
  constructor(readonly problems: readonly string[]) {
    super(`resiliency is wrong:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`);
  }
}

/** Collects what is wrong, so that all of it is reported at once. */
class Problems {
  readonly list: string[] = [];
  readonly note = (path: string, expected: string, value: unknown): undefined => {
    const found = value === undefined ? "nothing" : shown(JSON.stringify(value) ?? typeof value);
    this.list.push(`${path}: expected ${expected}, got ${found}`);
    return undefined;
  };
}

type Fields = ReadonlyMap<string, unknown>;

function fieldsOf(path: string, value: unknown, known: readonly string[] | undefined, p: Problems) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return p.note(path, "an object", value);
  }
  const fields: Fields = new Map(Object.entries(value));
  for (const name of fields.keys()) {
    if (known && !known.includes(name)) {
      p.list.push(`${path}.${name}: there is no such setting; possible are ${known.join(", ")}`);
    }
  }
  return fields;
}

function duration(path: string, value: unknown, p: Problems): number | undefined {
  if (value === undefined) return undefined;
  try {
    if (typeof value === "string") return parseDuration(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return p.note(path, "a duration such as 300ms, 1s or 2m", value);
}

function isNameList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((name) => typeof name === "string" && name !== "");
}

const POLICY_FIELDS = [
  "maxAttempts",
  "backoff",
  "initialDelay",
  "maxInterval",
  "maxDuration",
  "jitter",
  "onExhausted",
];

function readPolicy(path: string, value: unknown, p: Problems): RetryPolicy | undefined {
  const fields = fieldsOf(path, value, POLICY_FIELDS, p);
  if (!fields) return undefined;
  const { maxAttempts = 3, backoff = "exponential", jitter = true, onExhausted } = Object
    .fromEntries(fields);
  const time = (name: string) => duration(`${path}.${name}`, fields.get(name), p);
  const initialDelayMs = time("initialDelay") ?? 1_000;
  const maxIntervalMs = time("maxInterval") ?? Math.max(30_000, initialDelayMs);
  const maxDurationMs = time("maxDuration");
  if (!Number.isInteger(maxAttempts) || Number(maxAttempts) < 1 || Number(maxAttempts) > 1_000) {
    p.note(`${path}.maxAttempts`, "a whole number from 1 to 1000", maxAttempts);
  }
  if (!BACKOFFS.includes(backoff as Backoff)) {
    p.note(`${path}.backoff`, BACKOFFS.join(", "), backoff);
  }
  if (typeof jitter !== "boolean") p.note(`${path}.jitter`, "true or false", jitter);
  if (maxIntervalMs < initialDelayMs) {
    p.list.push(`${path}.maxInterval: is shorter than initialDelay`);
  }
  if (onExhausted !== undefined && !(isNameList(onExhausted) && onExhausted.every(isActorName))) {
    p.note(`${path}.onExhausted`, "a list of actor names", onExhausted);
  }
  return {
    maxAttempts: Number(maxAttempts),
    backoff: backoff as Backoff,
    initialDelayMs,
    maxIntervalMs,
    ...maxDurationMs === undefined ? {} : { maxDurationMs },
    jitter: jitter === true,
    ...onExhausted === undefined ? {} : { onExhausted: onExhausted as string[] },
  };
}

function readRule(path: string, value: unknown, names: Fields, p: Problems): RetryRule | undefined {
  const fields = fieldsOf(path, value, ["errors", "policy"], p);
  if (!fields) return undefined;
  const errors = fields.get("errors");
  const policy = fields.get("policy");
  if (!isNameList(errors)) p.note(`${path}.errors`, "a list of error classes or codes", errors);
  if (typeof policy !== "string") p.note(`${path}.policy`, "the name of a policy", policy);
  else if (!names.has(policy)) {
    p.list.push(`${path}.policy: there is no policy ${shown(policy)}`);
  }
  return { errors: errors as string[], policy: policy as string };
}

/**
 * Reads `resiliency.policies` (an object) and `resiliency.rules` (a list) as a manifest or the
 * environment has them, already parsed from YAML or JSON; `undefined` or `null` where absent.
 * Of a policy everything may be left out: 3 attempts, exponential from 1s, at most 30s (or
 * `initialDelay`, if that is longer) between two, with jitter, without `maxDuration`.
 *
 * @throws ResiliencyError with every problem
 */
export function parseResiliency(policies: unknown, rules: unknown): Resiliency {
  const p = new Problems();
  const named: Fields = fieldsOf("policies", policies ?? {}, undefined, p) ?? new Map();
  const read = new Map<string, RetryPolicy>();
  for (const [name, value] of named) {
    const policy = readPolicy(`policies.${name}`, value, p);
    if (policy) read.set(name, policy);
  }
  const list: unknown = rules ?? [];
  if (!Array.isArray(list)) p.note("rules", "a list", list);
  const chosen = (Array.isArray(list) ? list : [])
    .map((rule, index) => readRule(`rules[${index}]`, rule, named, p))
    .filter((rule) => rule !== undefined);
  if (p.list.length > 0) throw new ResiliencyError(p.list);
  return { policies: read, rules: chosen };
}
