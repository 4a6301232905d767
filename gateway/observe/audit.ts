/** One line of the log for each call of a tool: who, what, how it went; never what it was given. */

import type { Logger } from "@asya/telemetry";
import type { Caller } from "../auth/caller.ts";
import type { GatewayMetrics } from "../metrics.ts";

/** A call that was answered. */
export interface CallEvent {
  readonly caller: Caller;
  /** As the caller named it. */
  readonly tool: string;
  /** Whether there is such a tool. */
  readonly known: boolean;
  /** The envelope, where there is one. */
  readonly id?: string;
  /** `created`, `refused`, `unknown tool`, or the code of an error. */
  readonly outcome: string;
  readonly ms: number;
}

/** Is told of every call. */
export type OnCall = (event: CallEvent) => void;

/** Writes and counts calls. */
export function auditCalls(log: Logger, metrics: Pick<GatewayMetrics, "call"> | undefined): OnCall {
  return ({ caller, tool, known, id, outcome, ms }) => {
    metrics?.call(known ? tool : "unknown", outcome.replaceAll(" ", "_"));
    log.info("call", {
      who: caller.name,
      ...caller.address === undefined ? {} : { address: caller.address },
      tool: tool.slice(0, 128),
      ...id === undefined ? {} : { envelope: id },
      outcome,
      ms: Math.round(ms * 10) / 10,
    });
  };
}
