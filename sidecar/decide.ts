/**
 * What happens to an envelope, as pure functions: before the handler is called, and after it
 * answered, failed, or died. Sending and settling are done elsewhere.
 */

import {
  currentActor,
  decideRetry,
  type Envelope,
  EnvelopeError,
  errorEnvelope,
  type Failure,
  FORWARD_HEADER,
  headerText,
  hopsOf,
  isActorName,
  msLeft,
  parseTimestamp,
  type Resiliency,
  type RetryPolicy,
  routeAnswer,
  withoutHeader,
  wrapMalformed,
} from "@asya/envelope";
import type { HandlerAnswer } from "./handlers/handler.ts";
import type { BuryPlan, FailedReason, Send, SendPlan } from "./plan.ts";
import type { SidecarSettings } from "./settings.ts";

/** The settings that decisions depend on. */
export type Rules =
  & Pick<
    SidecarSettings,
    | "actor"
    | "happyEnd"
    | "errorEnd"
    | "endActor"
    | "maxHops"
    | "maxFrames"
    | "maxFrameBytes"
    | "queueRetryMaxAttempts"
    | "queueRetryBackoff"
    | "runtimeTimeout"
  >
  & { readonly resiliency: Resiliency };

/** When a decision is made (milliseconds since 1970), and how its jitter falls. */
export interface Moment {
  readonly now: number;
  /** When this attempt began. */
  readonly startedAt: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How often an envelope may kill its handler when no policy says otherwise. */
const CRASHES: RetryPolicy = {
  maxAttempts: 3,
  backoff: "constant",
  initialDelayMs: 1_000,
  maxIntervalMs: 1_000,
  jitter: false,
};

/** End actors try for ever, at this pace. */
const END_FIRST_MS = 1_000;
const END_LONGEST_MS = 60_000;

/** The number of the coming call, from 1. */
export function attemptOf(input: Envelope): number {
  return input.status?.attempt ?? 1;
}

/** How long the handler may take: its own limit, and no longer than the deadline allows. */
export function limitOf(input: Envelope, rules: Rules, now: number): number {
  return rules.endActor ? rules.runtimeTimeout : Math.min(rules.runtimeTimeout, msLeft(input, now));
}

/** A body that is no envelope: wrapped for `error-end` where that is possible, else dead-lettered. */
export function decideMalformed(
  body: Uint8Array,
  error: EnvelopeError,
  rules: Rules,
): SendPlan | BuryPlan {
  const failed = {
    failure: { code: error.code, message: error.message },
    reason: "parse_error",
  } as const;
  const envelope = rules.endActor ? undefined : wrapMalformed(body, error, rules.actor);
  if (envelope === undefined) return { kind: "bury", failed };
  return { kind: "send", result: "error", sends: [toErrorEnd(envelope, rules)], failed };
}

/**
 * What is decided without the handler: an envelope that only waits for another actor's queue, that
 * is not for this actor, that is too late, or that goes round in circles. `undefined`: call the handler.
 */
export function decideBefore(input: Envelope, rules: Rules, now: number): SendPlan | undefined {
  if (rules.endActor) return undefined;
  const forward = headerText(input, FORWARD_HEADER);
  const actor = currentActor(input);
  if (forward === undefined && actor !== rules.actor) {
    const whose = actor === undefined ? "its route is finished" : `it is the turn of "${actor}"`;
    return atErrorEnd(input, "route_mismatch", {
      code: "route_error",
      message: `the envelope came to actor "${rules.actor}", but ${whose}`,
    }, rules);
  }
  if (msLeft(input, now) <= 0) {
    return atErrorEnd(forward === undefined ? input : finished(input), "validation_error", {
      code: "deadline_exceeded",
      message: `the deadline ${input.deadline} had passed before actor "${rules.actor}" began`,
    }, rules);
  }
  if (forward !== undefined) return forwardTo(forward, input, rules);
  if (hopsOf(input) > rules.maxHops) {
    return atErrorEnd(input, "routing_error", {
      code: "route_error",
      message: `the envelope has made more than ${rules.maxHops} hops (ASYA_MAX_HOPS)`,
    }, rules);
  }
  return undefined;
}

function forwardTo(actor: string, input: Envelope, rules: Rules): SendPlan {
  const envelope = finished(input);
  if (!isActorName(actor)) {
    const message = `header ${FORWARD_HEADER} names no actor: ${
      JSON.stringify(actor.slice(0, 80))
    }`;
    return atErrorEnd(envelope, "routing_error", { code: "route_error", message }, rules);
  }
  const type = actor === rules.happyEnd ? "happy_end" : "routing";
  const misses = attemptOf(input) - 1;
  return { kind: "send", result: "success", sends: [{ type, actor, envelope, misses }] };
}

/** The frame as it was before it had to wait at this actor. */
function finished(waiting: Envelope): Envelope {
  const { status: _, ...frame } = withoutHeader(waiting, FORWARD_HEADER);
  return frame;
}

/** The handler answered: its frames go where they want to go. Not for end actors. */
export function decideAnswer(
  input: Envelope,
  { frames }: HandlerAnswer,
  rules: Rules,
  moment: Moment,
): SendPlan {
  const { happyEnd, maxHops, maxFrames, maxFrameBytes: maxBytes } = rules;
  try {
    const sends = routeAnswer(input, frames, { happyEnd, maxHops, maxFrames, maxBytes }).map(
      ({ actor, envelope }): Send => ({
        type: actor === happyEnd ? "happy_end" : "routing",
        actor,
        envelope,
      }),
    );
    return { kind: "send", result: frames.length === 0 ? "empty_response" : "success", sends };
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    const failure = { code: error.code, message: error.message };
    const reason = error.code === "processing_error" ? "runtime_error" : "routing_error";
    return decideFailure(input, failure, rules, moment, { reason });
  }
}

/** The envelope was alone when the handler's process died under it. */
export function decideCrash(
  input: Envelope,
  message: string,
  rules: Rules,
  moment: Moment,
): SendPlan {
  const failure = {
    code: "connection_error",
    message: `the handler went away during attempt ${attemptOf(input)}: ${message}`,
  };
  return decideFailure(input, failure, rules, moment, { fallback: CRASHES });
}

/**
 * The sidecar has to stop while the handler works on the envelope: it returns to the queue, at once
 * and one attempt later. That is not its fault, so no policy ends it.
 */
export function decideInterrupted(input: Envelope, rules: Rules, { startedAt }: Moment): SendPlan {
  const failure = {
    code: "connection_error",
    message:
      `the sidecar had to stop during attempt ${attemptOf(input)}: the call went on beyond ` +
      "ASYA_SHUTDOWN_GRACE; the envelope returned to the queue",
  };
  const sends = [again(input, firstAttemptOf(input, startedAt), 0, rules)];
  return { kind: "send", result: "retried", sends, failed: { failure, reason: "runtime_error" } };
}

/**
 * An attempt failed: it is tried again where its policy says so, else it goes to `error-end`, or
 * where the policy sends what is exhausted. An end actor tries again for ever.
 *
 * @param how.fallback applies where no policy does
 */
export function decideFailure(
  input: Envelope,
  failure: Failure,
  rules: Rules,
  { now, startedAt, random }: Moment,
  how: { readonly reason?: FailedReason; readonly fallback?: RetryPolicy } = {},
): SendPlan {
  const { reason = "runtime_error", fallback } = how;
  const attempt = attemptOf(input);
  const firstAttemptAt = firstAttemptOf(input, startedAt);
  const retried = (delayMs: number): SendPlan => {
    const sends = [again(input, firstAttemptAt, delayMs, rules)];
    return { kind: "send", result: "retried", sends, failed: { failure, reason } };
  };
  if (rules.endActor) {
    return retried(Math.min(END_FIRST_MS * 2 ** Math.min(attempt - 1, 10), END_LONGEST_MS));
  }
  const left = msLeft(input, now);
  const verdict = decideRetry({
    resiliency: rules.resiliency,
    failure,
    attempt,
    firstAttemptAt,
    now,
    random,
    ...Number.isFinite(left) ? { deadline: now + left } : {},
    ...fallback === undefined ? {} : { fallback },
  });
  if (verdict.action === "retry") return retried(verdict.delayMs);
  const { note, onExhausted = [] } = verdict;
  const error = errorEnvelope(input, failure, note === undefined ? {} : { retry: note });
  const send = exhausted(input, error, onExhausted, rules) ?? toErrorEnd(error, rules);
  return { kind: "send", result: "error", sends: [send], failed: { failure, reason } };
}

/** When the first attempt at this actor began, in milliseconds since 1970. */
function firstAttemptOf(input: Envelope, startedAt: number): number {
  const began = input.status?.firstAttemptAt;
  return (began === undefined ? undefined : parseTimestamp(began)) ?? startedAt;
}

/** The same envelope to the same actor, one attempt later. */
function again(input: Envelope, firstAttemptAt: number, delayMs: number, rules: Rules): Send {
  const status = {
    attempt: attemptOf(input) + 1,
    firstAttemptAt: new Date(firstAttemptAt).toISOString(),
    extra: input.status?.extra ?? new Map(),
  };
  return { type: "retry", actor: rules.actor, envelope: { ...input, status }, delayMs };
}

function atErrorEnd(
  input: Envelope,
  reason: FailedReason,
  failure: Failure,
  rules: Rules,
): SendPlan {
  const sends = [toErrorEnd(errorEnvelope(input, failure), rules)];
  return { kind: "send", result: "error", sends, failed: { failure, reason } };
}

function toErrorEnd(envelope: Envelope, rules: Rules): Send {
  return { type: "error_end", actor: rules.errorEnd, envelope };
}

/** The rest of the route is replaced by the policy's actors, which get the error as payload. */
function exhausted(
  input: Envelope,
  { payload }: Envelope,
  actors: readonly string[],
  rules: Rules,
): Send | undefined {
  if (actors.length === 0) return undefined;
  const { current } = input.route;
  const route = JSON.stringify({
    actors: [...input.route.actors.slice(0, current + 1), ...actors],
    current: current + 1,
  });
  const { happyEnd, maxHops, maxFrames } = rules;
  try {
    const [routed] = routeAnswer(input, [{ payload, route }], { happyEnd, maxHops, maxFrames });
    return routed && { type: "routing", ...routed };
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined; // too many hops, too long a route
    throw error;
  }
}
