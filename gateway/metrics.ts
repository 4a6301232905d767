/** What a gateway counts about itself. Labels take their values from fixed sets and the tools. */

import type { State } from "./envelopes/record.ts";
import { Counter, Gauge, Histogram, Registry } from "prometheus";

const PREFIX = "asya_gateway_";
const REQUEST_SECONDS = [.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60];
const STORE_SECONDS = [.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5];

/** What is asked for when somebody reads the metrics. */
export interface Vitals {
  /** Tools in force. */
  readonly tools: number;
  /** Mistakes that keep newer tools out of force. */
  readonly toolProblems: number;
  /** Envelopes that this replica holds and that are not on their first queue yet. */
  readonly publishing: number;
  /** Envelopes that are not on their first queue yet, at most what is counted; of all replicas. */
  readonly outbox?: number;
  /** How long the oldest of them has waited, in seconds. */
  readonly outboxAgeSeconds?: number;
}

/** Counts, and prints what it counted. */
export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #latency: Histogram;
  readonly #streams: Gauge;
  readonly #calls: Counter;
  readonly #envelopes: Counter;
  readonly #store: Histogram;
  readonly #storeErrors: Counter;
  readonly #refused: Counter;
  readonly #limited: Counter;
  readonly #reloads: Counter;
  readonly #gauges: Readonly<Record<keyof Vitals, Gauge>>;

  constructor() {
    const registers = [this.#registry];
    const counter = (name: string, help: string, ...labelNames: string[]) =>
      new Counter({ name: PREFIX + name, help, labelNames, registers });
    const gauge = (name: string, help: string) =>
      new Gauge({ name: PREFIX + name, help, registers });
    const histogram = (name: string, help: string, buckets: number[], label: string) =>
      new Histogram({ name: PREFIX + name, help, buckets, labelNames: [label], registers });
    this.#requests = counter(
      "requests_total",
      "Requests, by route template, method and status.",
      "route",
      "method",
      "status",
    );
    this.#latency = histogram(
      "request_duration_seconds",
      "Until the answer begins; waiting for an envelope's end is part of it.",
      REQUEST_SECONDS,
      "route",
    );
    this.#streams = gauge("streams", "Event streams that are open.");
    this.#calls = counter("calls_total", "Calls of tools, by outcome.", "tool", "outcome");
    this.#envelopes = counter("envelopes_total", "Envelopes that came into a state.", "state");
    this.#store = histogram(
      "store_duration_seconds",
      "Operations of the store.",
      STORE_SECONDS,
      "operation",
    );
    this.#storeErrors = counter("store_errors_total", "Operations that failed.", "operation");
    this.#refused = counter("auth_refusals_total", "Requests not let in, by reason.", "reason");
    this.#limited = counter("limited_total", "Requests refused by a limit (429).", "reason");
    this.#reloads = counter("tools_reloads_total", "Times that other tools came into force.");
    this.#gauges = {
      tools: gauge("tools", "Tools in force."),
      toolProblems: gauge("tools_problems", "Mistakes that keep newer tools out of force."),
      publishing: gauge("publishing", "Envelopes in this replica's hands, not on a queue yet."),
      outbox: gauge("outbox_envelopes", "Envelopes stored and not on a queue yet, all replicas'."),
      outboxAgeSeconds: gauge("outbox_age_seconds", "How long the oldest of them has waited."),
    };
  }

  /** A request was answered. @param route template, such as `/envelopes/:id` */
  request(route: string, method: string, status: number, seconds: number): void {
    this.#requests.inc({ route, method, status: `${status}` });
    this.#latency.observe({ route }, seconds);
  }

  /** A stream began; the undo. */
  stream(): () => void {
    this.#streams.inc();
    return () => this.#streams.dec();
  }

  /** A tool was called. @param tool one that there is, or `unknown` */
  call(tool: string, outcome: string): void {
    this.#calls.inc({ tool, outcome });
  }

  /** An envelope came into a state. */
  entered(state: State): void {
    this.#envelopes.inc({ state });
  }

  /** The store did something. */
  stored(operation: string, seconds: number, failed: boolean): void {
    this.#store.observe({ operation }, seconds);
    if (failed) this.#storeErrors.inc({ operation });
  }

  /** Somebody was not let in. @param reason the `code` of the answer */
  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  /** Somebody asked for too much. @param reason the `code` of the answer */
  limited(reason: string): void {
    this.#limited.inc({ reason });
  }

  /** Other tools are in force. */
  reloaded(): void {
    this.#reloads.inc();
  }

  /** Everything in the text format of Prometheus. */
  text(vitals: Vitals): Promise<string> {
    for (const [name, gauge] of Object.entries(this.#gauges)) {
      const value = vitals[name as keyof Vitals];
      if (value === undefined) gauge.remove();
      else gauge.set(value);
    }
    return this.#registry.metrics();
  }
}
