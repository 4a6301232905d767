/** What is counted, logged and reported while envelopes pass. Nothing here holds one up. */

import { type Envelope, METRICS_HEADER } from "@asya/envelope";
import type { Logger } from "@asya/telemetry";
import { headerMetrics } from "./custom_metrics.ts";
import type { HandlerAnswer, HandlerMetric } from "./handlers/handler.ts";
import type { Metrics } from "./metrics.ts";
import type { BuryPlan, Job, Plan, SendPlan } from "./plan.ts";
import {
  childReport,
  completedReport,
  emptyReport,
  partialReport,
  processingReport,
  receivedReport,
} from "./report.ts";
import type { Reporter } from "./reporter.ts";
import type { Settled } from "./settle.ts";

/** Watches one sidecar at work. */
export class Observer {
  #refused = false;
  /** Why an end actor cannot do its work now. */
  #endTrouble: string | undefined;
  #undeclared = false;

  /**
   * @param actor the actor's name
   * @param reporter absent without a gateway, and for end actors, which report final states only
   */
  constructor(
    private readonly actor: string,
    private readonly metrics: Metrics,
    private readonly reporter: Reporter | undefined,
    private readonly log: Logger,
    private readonly endActor: boolean = false,
  ) {}

  /** A delivery came. */
  received({ delivery, input }: Job, waitedMs: number): void {
    const { length } = delivery.body;
    this.metrics.received(length, waitedMs / 1000);
    if (input !== undefined) this.reporter?.report(receivedReport(input, length));
  }

  /** The handler is called, or still works. */
  processing(input: Envelope): void {
    this.reporter?.report(processingReport(input, this.actor));
  }

  /** The handler gave a piece of its result. */
  partial(input: Envelope, body: Uint8Array): void {
    if (this.reporter === undefined) return;
    const report = partialReport(input, body);
    if (report === undefined) this.metrics.reportsDropped(1);
    else this.reporter.report(report);
  }

  /** The handler's call ended. */
  called(input: Envelope, ms: number, answer: HandlerAnswer | undefined, plan: Plan | undefined) {
    const failed = plan?.kind === "send" ? plan.failed : undefined;
    this.metrics.executed(ms / 1000, failed?.failure.code);
    if (answer !== undefined) this.#custom(answer);
    if (plan?.kind === "send") this.#answered(input, ms, plan);
  }

  /** A plan was carried out. */
  finished(job: Job, plan: SendPlan | BuryPlan, settled: Settled): void {
    const { delivery, input, receivedAt } = job;
    this.metrics.over();
    if (settled === "lost") this.metrics.lost();
    if (settled !== "settled") return;
    const result = plan.kind === "bury" ? "error" : plan.result;
    const seconds = (performance.now() - receivedAt) / 1000;
    this.metrics.processed(result, seconds);
    const fields = { id: input?.id, result, ms: Math.round(seconds * 1e5) / 100 };
    const { failed } = plan;
    if (failed === undefined) {
      this.#endWorks();
      return this.log.debug("envelope done", fields);
    }
    this.metrics.failed(failed.reason);
    const { code, type, message } = failed.failure;
    const more = { code, type, reason: message, attempt: input?.status?.attempt ?? 1 };
    if (this.endActor && result === "retried") return this.#endWaits(message, fields);
    const what = plan.kind === "bury" ? "body dead-lettered" : "envelope failed";
    this.log.warn(what, { ...fields, ...more, bytes: delivery.body.length });
  }

  /** A delivery went back, or tried to. */
  released(settled: Settled): void {
    this.metrics.over();
    if (settled === "lost") this.metrics.lost();
    else this.metrics.released();
  }

  /** No envelope has failed: its end waits for a store or a gateway, and so do all the others. */
  #endWaits(reason: string, fields: Readonly<Record<string, unknown>>): void {
    const tell = this.#endTrouble === undefined ? this.log.warn : this.log.debug;
    this.#endTrouble = reason;
    tell("what has ended cannot be kept or told now; trying again until it works", {
      ...fields,
      reason,
    });
  }

  #endWorks(): void {
    if (this.#endTrouble === undefined) return;
    this.#endTrouble = undefined;
    this.log.info("what has ended is kept and told again");
  }

  /** The gateway does not accept our token: told once. */
  refused(message: string): void {
    if (!this.#refused) this.log.error(message);
    this.#refused = true;
  }

  #answered(input: Envelope, ms: number, { result, sends }: SendPlan): void {
    const { reporter } = this;
    const [first] = sends;
    if (reporter === undefined || first === undefined) return;
    if (result === "empty_response") reporter.report(emptyReport(input, this.actor, ms));
    if (result === "success") {
      reporter.report(completedReport(input, first.envelope.route.actors, ms));
      for (const { envelope } of sends.slice(1)) reporter.report(childReport(envelope, input));
    }
    // The end actor reports at once, and then somebody looks at the whole history.
    if (goesToEnd(sends)) reporter.flush();
  }

  /**
   * Before an envelope goes to its end: the pieces of its result are told first, as nobody follows
   * it after that. `undefined` where there is nothing to wait for; else a quarter of a second at most.
   */
  ending(input: Envelope, { sends }: SendPlan): Promise<void> | undefined {
    return goesToEnd(sends) ? this.reporter?.told(input.id) : undefined;
  }

  #custom({ frames, metrics = [] }: HandlerAnswer): void {
    const values: HandlerMetric[] = [...metrics];
    for (const { headers } of frames) {
      if (!headers?.includes(METRICS_HEADER)) continue;
      const parsed: unknown = parsedOrUndefined(headers);
      if (typeof parsed !== "object" || parsed === null || !(METRICS_HEADER in parsed)) continue;
      values.push(...headerMetrics(parsed[METRICS_HEADER]));
    }
    if (values.length === 0 || this.metrics.custom(values) || this.#undeclared) return;
    this.#undeclared = true;
    this.log.warn("the handler reports metrics that ASYA_CUSTOM_METRICS does not declare");
  }
}

function goesToEnd(sends: SendPlan["sends"]): boolean {
  return sends.some(({ type }) => type === "happy_end" || type === "error_end");
}

/** A handler's text, which the routing checks for itself. */
function parsedOrUndefined(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
