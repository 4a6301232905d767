/** Carries a plan out to the end: the final report where there is one, then the settlement. */

import type { Envelope } from "@asya/envelope";
import { Backoff } from "@asya/transport";
import { decideFailure, type Moment, type Rules } from "./decide.ts";
import { END_CONSUMED } from "./end_actor.ts";
import { finalAnswer, type Gateway, GatewayAway } from "./gateway.ts";
import type { Observer } from "./observe.ts";
import type { BuryPlan, FinalPlan, Job, Plan, SendPlan } from "./plan.ts";
import type { Settler } from "./settle.ts";
import type { Troubles } from "./troubles.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** What finishing needs. */
export interface FinisherOptions {
  readonly settler: Settler;
  /** Absent: nobody wants to know the final states. */
  readonly gateway: Gateway | undefined;
  readonly rules: Rules;
  readonly observer: Observer;
  readonly troubles: Troubles;
  /** Aborted when unsettled deliveries are to be let go. */
  readonly signal: AbortSignal;
}

/** Finishes the deliveries of one sidecar. */
export class Finisher {
  constructor(private readonly o: FinisherOptions) {}

  /** Resolves when the delivery is settled, lost, or was let go. */
  async finish(job: Job, plan: Plan, moment: Moment): Promise<void> {
    const { settler, observer } = this.o;
    const { delivery, input } = job;
    const last = plan.kind === "final" ? await this.#report(input!, plan, moment) : plan;
    if (last === undefined) return;
    const told = input && last.kind === "send" ? observer.ending(input, last) : undefined;
    if (told !== undefined) await told;
    const settled = last.kind === "bury"
      ? await settler.bury(delivery, `${last.failed.failure.code}: ${last.failed.failure.message}`)
      : await settler.complete(delivery, input, last.sends);
    observer.finished(job, last, settled);
  }

  /** Gives the delivery back, unhandled. */
  async release({ delivery }: Job): Promise<void> {
    this.o.observer.released(await this.o.settler.release(delivery));
  }

  /** Tells the gateway; `undefined`: the sidecar ended before the gateway would listen. */
  async #report(
    input: Envelope,
    { body, withoutResult }: FinalPlan,
    moment: Moment,
  ): Promise<SendPlan | BuryPlan | undefined> {
    const { gateway, rules, troubles, signal, observer } = this.o;
    if (gateway === undefined) return END_CONSUMED;
    const path = `/envelopes/${encodeURIComponent(input.id)}/final`;
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    const again = (message: string) => {
      const failure = { code: "connection_error", message };
      return decideFailure(input, failure, rules, moment);
    };
    try {
      for (let rest = body;;) {
        const { status } = await gateway.post(path, rest, signal);
        switch (finalAnswer(status)) {
          case "delivered":
            return END_CONSUMED;
          case "away":
            return again(`the gateway answered ${status} to the final state`);
          case "rejected":
            if (rest === withoutResult) return rejected(status);
            rest = withoutResult; // the state is worth more than a result that cannot be told
            continue;
          case "refused": {
            const message = `the gateway refuses final states with ${status}; ` +
              "check ASYA_MESH_TOKEN_FILE here and at the gateway";
            observer.refused(message);
            troubles.set(input, message);
            if (!await backoff.wait(signal)) return undefined;
          }
        }
      }
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof GatewayAway) return again(error.message);
      throw error;
    } finally {
      troubles.clear(input);
    }
  }
}

function rejected(status: number): BuryPlan {
  const message = `the gateway answered ${status} to the final state`;
  const failure = { code: "processing_error", message };
  return { kind: "bury", failed: { failure, reason: "runtime_error" } };
}
