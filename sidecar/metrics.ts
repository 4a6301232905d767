/** The metrics of one sidecar, in a registry of their own. */

import { ERROR_CODES } from "@asya/envelope";
import { Counter, Gauge, Histogram, Registry } from "prometheus";
import { type CustomMetric, CustomMetrics } from "./custom_metrics.ts";
import type { HandlerMetric, HandlerVitals } from "./handlers/handler.ts";
import type { FailedReason, Result, Send } from "./plan.ts";
import { RuntimeGauges } from "./runtime_gauges.ts";

const WORK_SECONDS = [.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120];
const QUEUE_SECONDS = [.001, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5];
const SIZE_BYTES = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/** What the metrics of a sidecar are called and carry. */
export interface MetricsOptions {
  /** The actor's bare name: the label `queue`. */
  readonly actor: string;
  /** The label `transport`. */
  readonly transport: string;
  /** Prefix of every name. */
  readonly namespace: string;
  readonly custom: readonly CustomMetric[];
}

/** Counts since the start, for {@linkcode Metrics.counts}. */
export interface Counts {
  received: number;
  succeeded: number;
  failed: number;
  retried: number;
  released: number;
  lost: number;
}

/** Records what happens; reading is by `text`. */
export class Metrics {
  readonly counts: Counts = {
    received: 0,
    succeeded: 0,
    failed: 0,
    retried: 0,
    released: 0,
    lost: 0,
  };
  readonly #registry = new Registry();
  readonly #custom: CustomMetrics;
  readonly #runtime: RuntimeGauges;
  readonly #queue: string;
  readonly #transport: string;

  readonly #received: Counter;
  readonly #processed: Counter;
  readonly #sent: Counter;
  readonly #failed: Counter;
  readonly #errors: Counter;
  readonly #lost: Counter;
  readonly #reports: Counter;
  readonly #processing: Histogram;
  readonly #execution: Histogram;
  readonly #receiving: Histogram;
  readonly #sending: Histogram;
  readonly #size: Histogram;
  readonly #active: Gauge;

  constructor({ actor, transport, namespace, custom }: MetricsOptions) {
    this.#queue = actor;
    this.#transport = transport;
    const registers = [this.#registry];
    const counter = (name: string, help: string, ...labelNames: string[]) =>
      new Counter({ name: `${namespace}_${name}`, help, labelNames, registers });
    const histogram = (name: string, help: string, buckets: number[], ...labelNames: string[]) =>
      new Histogram({ name: `${namespace}_${name}`, help, buckets, labelNames, registers });

    this.#received = counter(
      "messages_received_total",
      "Deliveries taken off the queue.",
      "queue",
      "transport",
    );
    this.#processed = counter(
      "messages_processed_total",
      "Deliveries settled, by how it ended.",
      "queue",
      "status",
    );
    this.#sent = counter(
      "messages_sent_total",
      "Messages confirmed by the broker.",
      "destination_queue",
      "message_type",
    );
    this.#failed = counter(
      "messages_failed_total",
      "Failed attempts, by reason.",
      "queue",
      "reason",
    );
    this.#errors = counter(
      "runtime_errors_total",
      "Errors of the handler, by code.",
      "queue",
      "error_type",
    );
    this.#lost = counter(
      "deliveries_lost_total",
      "Deliveries that the broker gave to somebody else before they were settled.",
      "queue",
    );
    this.#reports = counter(
      "reports_dropped_total",
      "Progress reports that the gateway did not take in time.",
      "queue",
    );
    this.#processing = histogram(
      "processing_duration_seconds",
      "From delivery to settlement.",
      WORK_SECONDS,
      "queue",
    );
    this.#execution = histogram(
      "runtime_execution_duration_seconds",
      "Calls of the handler.",
      WORK_SECONDS,
      "queue",
    );
    this.#receiving = histogram(
      "queue_receive_duration_seconds",
      "Waiting for the next delivery.",
      QUEUE_SECONDS,
      "queue",
      "transport",
    );
    this.#sending = histogram(
      "queue_send_duration_seconds",
      "Sending until the broker confirmed.",
      QUEUE_SECONDS,
      "destination_queue",
      "transport",
    );
    this.#size = histogram("envelope_size_bytes", "Size of bodies.", SIZE_BYTES, "direction");
    this.#active = new Gauge({
      name: `${namespace}_active_messages`,
      help: "Deliveries in hand.",
      registers,
    });
    this.#runtime = new RuntimeGauges(actor, namespace, this.#registry);
    this.#custom = new CustomMetrics(custom, namespace, this.#registry);
  }

  /** A delivery came after a wait. */
  received(bytes: number, waitedSeconds: number): void {
    this.counts.received++;
    const labels = { queue: this.#queue, transport: this.#transport };
    this.#received.inc(labels);
    this.#receiving.observe(labels, waitedSeconds);
    this.#size.observe({ direction: "received" }, bytes);
    this.#active.inc();
  }

  /** A delivery is not in hand any more. */
  over(): void {
    this.#active.dec();
  }

  /** A delivery is settled. */
  processed(status: Result, seconds: number): void {
    if (status === "error") this.counts.failed++;
    else if (status === "retried") this.counts.retried++;
    else this.counts.succeeded++;
    this.#processed.inc({ queue: this.#queue, status });
    this.#processing.observe({ queue: this.#queue }, seconds);
  }

  /** The broker confirmed a message. */
  sent(send: Send, bytes: number, seconds: number): void {
    this.#sent.inc({ destination_queue: send.actor, message_type: send.type });
    const labels = { destination_queue: send.actor, transport: this.#transport };
    this.#sending.observe(labels, seconds);
    this.#size.observe({ direction: "sent" }, bytes);
  }

  /** An attempt failed. */
  failed(reason: FailedReason): void {
    this.#failed.inc({ queue: this.#queue, reason });
  }

  /** The handler ran, with an error code where it failed. */
  executed(seconds: number, errorCode?: string): void {
    this.#execution.observe({ queue: this.#queue }, seconds);
    if (errorCode === undefined) return;
    this.#errors.inc({ queue: this.#queue, error_type: errorLabel(errorCode) });
  }

  /** A delivery went back unhandled. */
  released(): void {
    this.counts.released++;
  }

  /** A delivery was not ours any more. */
  lost(): void {
    this.counts.lost++;
    this.#lost.inc({ queue: this.#queue });
  }

  /** Reports were given up. */
  reportsDropped(count: number): void {
    this.#reports.inc({ queue: this.#queue }, count);
  }

  /** Values from the handler; `false` when one of them is not declared. */
  custom(values: readonly HandlerMetric[]): boolean {
    return this.#custom.observe(values);
  }

  /** How the handler's process is; undefined where nothing tells. */
  runtime(vitals: HandlerVitals | undefined): void {
    this.#runtime.set(vitals);
  }

  /** Everything in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** A handler may invent codes; the values of a label must not grow without end. */
function errorLabel(code: string): string {
  return (ERROR_CODES as readonly string[]).includes(code) ? code : "other";
}
