/** Whether a failed call is made again, and when: a decision over values, without clock or chance. */

import type { Failure } from "./failure.ts";
import type { Resiliency, RetryPolicy } from "./resiliency.ts";

/** Codes that are never retried: the next attempt would fail the same way, or must not happen. */
const NEVER_RETRIED: ReadonlySet<string> = new Set([
  "msg_parsing_error",
  "deadline_exceeded",
  "route_error",
  "resource_limit",
  "cancelled",
]);

/** What {@linkcode decideRetry} needs to know; times are milliseconds since 1970. */
export interface RetryQuestion {
  /** The actor's policies and rules. */
  readonly resiliency: Resiliency;
  /** Why the call failed. */
  readonly failure: Failure;
  /** The number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** When the first attempt at this actor began. */
  readonly firstAttemptAt: number;
  /** The time. */
  readonly now: number;
  /** The envelope's. */
  readonly deadline?: number;
  /** A number from 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
  /** Used where neither a rule nor a policy `default` applies; without it there is no retry. */
  readonly fallback?: RetryPolicy;
}

/** What to do with a failed call. */
export type RetryDecision =
  | { readonly action: "retry"; readonly delayMs: number }
  | {
    readonly action: "fail";
    /** Goes to `details.retry`. */
    readonly note?: "no time left";
    /** The actors that replace the rest of the route, where the attempts are used up. */
    readonly onExhausted?: readonly string[];
  };

/** A dotted name is exact; a short one is the last part of a name or the whole. */
function matches(pattern: string, name: string): boolean {
  return name === pattern || (!pattern.includes(".") && name.endsWith(`.${pattern}`));
}

function policyFor(q: RetryQuestion): RetryPolicy | undefined {
  const { code, type, mro = [] } = q.failure;
  const names = [code, ...type === undefined ? [] : [type], ...mro];
  const { rules, policies } = q.resiliency;
  const rule = rules.find(({ errors }) =>
    errors.some((pattern) => names.some((name) => matches(pattern, name)))
  );
  return policies.get(rule?.policy ?? "default") ?? q.fallback;
}

/** The wait before the next attempt; with jitter between half of it and the whole. */
function delayAfter(attempt: number, policy: RetryPolicy, random: () => number): number {
  const { backoff, initialDelayMs, maxIntervalMs, jitter } = policy;
  const factor = backoff === "constant"
    ? 1
    : backoff === "linear"
    ? attempt
    : 2 ** Math.min(attempt - 1, 1_000);
  const delay = Math.min(initialDelayMs * factor, maxIntervalMs);
  return Math.round(jitter ? delay * (0.5 + random() / 2) : delay);
}

/**
 * Decides on a failed call. The first rule that names the error's type, one of its ancestors or the
 * code says which policy; else the policy `default`; else `fallback`.
 *
 * @example
 * ```ts
 * import { decideRetry, parseResiliency } from "@asya/envelope";
 * const decision = decideRetry({
 *   resiliency: parseResiliency({ default: { initialDelay: "2s", jitter: false } }, []),
 *   failure: { code: "processing_error", message: "not ready", type: "my.NotReady" },
 *   attempt: 1,
 *   firstAttemptAt: 0,
 *   now: 10,
 *   random: Math.random,
 * });
 * if (decision.action !== "retry" || decision.delayMs !== 2_000) throw new Error("after 2 s");
 * ```
 */
export function decideRetry(q: RetryQuestion): RetryDecision {
  const policy = NEVER_RETRIED.has(q.failure.code) ? undefined : policyFor(q);
  if (policy === undefined) return { action: "fail" };
  if (q.attempt >= policy.maxAttempts) {
    const { onExhausted } = policy;
    return onExhausted ? { action: "fail", onExhausted } : { action: "fail" };
  }
  const delayMs = delayAfter(q.attempt, policy, q.random);
  const end = Math.min(
    q.deadline ?? Infinity,
    q.firstAttemptAt + (policy.maxDurationMs ?? Infinity),
  );
  if (q.now + delayMs >= end) return { action: "fail", note: "no time left" };
  return { action: "retry", delayMs };
}
