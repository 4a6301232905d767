/** What is to become of one delivery: the words that deciding and settling share. */

import type { Envelope, Failure } from "@asya/envelope";
import type { Delivery } from "@asya/transport";

/** A delivery in hand. */
export interface Job {
  readonly delivery: Delivery;
  /** As `performance.now()`. */
  readonly receivedAt: number;
  /** Absent where the body is not an envelope. */
  readonly input: Envelope | undefined;
}

/** Why something is sent; the label `message_type`. */
export type SendType = "routing" | "happy_end" | "error_end" | "retry";

/** One envelope to send before the delivery is settled. */
export interface Send {
  readonly type: SendType;
  readonly actor: string;
  readonly envelope: Envelope;
  readonly delayMs?: number;
  /** It was forwarded by an earlier run: how often the actor's queue has been missing already. */
  readonly misses?: number;
  /** An error envelope that was cut to fit: the delivery's body goes to the dead letters. */
  readonly cut?: true;
}

/** How it ended; the label `status` of processed messages. */
export type Result = "success" | "empty_response" | "end_consumed" | "retried" | "error";

/** Why it failed; the label `reason` of failed messages. */
export type FailedReason =
  | "parse_error"
  | "validation_error"
  | "route_mismatch"
  | "runtime_error"
  | "routing_error"
  | "error_queue_send_failed";

/** A failed attempt, for logs and metrics. */
export interface Failed {
  readonly failure: Failure;
  readonly reason: FailedReason;
}

/** Send everything, have it confirmed, then acknowledge. */
export interface SendPlan {
  readonly kind: "send";
  readonly result: Result;
  readonly sends: readonly Send[];
  readonly failed?: Failed;
}

/** Put the body among the dead letters as it came. */
export interface BuryPlan {
  readonly kind: "bury";
  readonly failed: Failed;
}

/** Tell the gateway the final state, then decide by what it says. */
export interface FinalPlan {
  readonly kind: "final";
  readonly body: Uint8Array;
  /** In case the gateway refuses the result: too large, nested too deep, not UTF-8. */
  readonly withoutResult: Uint8Array;
}

/** What to do with a delivery. */
export type Plan = SendPlan | BuryPlan | FinalPlan;
