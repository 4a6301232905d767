/**
 * What takes the place of an envelope that cannot be sent: it waits at this actor for the missing
 * queue, or becomes an error, or, where even that is too large, a short error.
 */

import {
  cutErrorEnvelope,
  type Envelope,
  errorEnvelope,
  FORWARD_HEADER,
  parseTimestamp,
  withHeader,
} from "@asya/envelope";
import type { Rules } from "./decide.ts";
import type { Send } from "./plan.ts";

/** Longest pause between two looks for a queue. */
const LONGEST_LOOK_MS = 30_000;

/** The actor has no queue. `undefined`: nothing can take its place, it has to be tried again. */
export function insteadOfMissing(
  send: Send,
  input: Envelope | undefined,
  rules: Rules,
  now: number,
): Send | undefined {
  if (send.type === "error_end" || send.type === "retry") return undefined;
  const misses = (send.misses ?? 0) + 1;
  if (misses >= rules.queueRetryMaxAttempts) {
    const times = misses === 1 ? "once" : `${misses} times`;
    const message = `actor "${send.actor}" has no queue (looked ${times}); ` +
      `create the actor, or correct the route`;
    return toErrorEnd(errorEnvelope(send.envelope, { code: "route_error", message }), rules);
  }
  const began = send.misses === undefined ? undefined : input?.status?.firstAttemptAt;
  const firstAttemptAt = began !== undefined && parseTimestamp(began) !== undefined
    ? began
    : new Date(now).toISOString();
  return {
    type: "retry",
    actor: rules.actor,
    envelope: {
      ...withHeader(send.envelope, FORWARD_HEADER, JSON.stringify(send.actor)),
      status: { attempt: misses + 1, firstAttemptAt, extra: new Map() },
    },
    delayMs: Math.min(rules.queueRetryBackoff * 2 ** Math.min(misses - 1, 20), LONGEST_LOOK_MS),
  };
}

/**
 * The body is larger than the transport takes. `undefined`: nothing fits, and the delivery's own
 * body has to be kept among the dead letters instead. An end actor tries again for ever, if need be
 * without counting.
 */
export function insteadOfTooLarge(
  send: Send,
  input: Envelope | undefined,
  bytes: number,
  limit: number,
  rules: Rules,
): Send | undefined {
  if (rules.endActor) return withoutStatus(send);
  if (send.cut) return undefined;
  if (send.type === "error_end") {
    return { ...toErrorEnd(cutErrorEnvelope(send.envelope), rules), cut: true };
  }
  const message = send.type === "retry"
    ? `the envelope would have ${bytes} bytes with its attempts noted, more than ${limit}`
    : `the answer for actor "${send.actor}" has ${bytes} bytes, more than ${limit}; ` +
      `pass a reference to the data instead`;
  return toErrorEnd(errorEnvelope(blamed(send, input), { code: "resource_limit", message }), rules);
}

/** As long as the body was when it came, or `undefined`: there was nothing to leave out. */
function withoutStatus(send: Send): Send | undefined {
  const { status, ...envelope } = send.envelope;
  return status === undefined ? undefined : { ...send, envelope };
}

/** An oversize answer fails as its input did: with the input's payload and route, under its own id. */
function blamed(send: Send, input: Envelope | undefined): Envelope {
  if (input === undefined || send.type === "retry" || send.misses !== undefined) {
    return send.envelope;
  }
  const { id, parentId, headers } = send.envelope;
  return {
    ...input,
    id,
    ...parentId === undefined ? {} : { parentId },
    ...headers === undefined ? {} : { headers },
  };
}

function toErrorEnd(envelope: Envelope, rules: Rules): Send {
  return { type: "error_end", actor: rules.errorEnd, envelope };
}
