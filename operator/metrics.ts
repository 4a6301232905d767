/** The operator's metrics. Parts of prom-client, whose front door costs megabytes. */

import type * as client from "prom-client";
import counter from "prom-client/lib/counter.js";
import gauge from "prom-client/lib/gauge.js";
import histogram from "prom-client/lib/histogram.js";
import registry from "prom-client/lib/registry.js";

const Counter: typeof client.Counter = counter;
const Gauge: typeof client.Gauge = gauge;
const Histogram: typeof client.Histogram = histogram;
const Registry: typeof client.Registry = registry;

const SECONDS = [.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30];

/** What is asked when somebody reads the metrics. */
export interface Gauges {
  /** Keys that wait for a worker. */
  readonly queueLength: () => number;
  /** Whether this operator leads. */
  readonly leading: () => boolean;
  /** Actors by their status word. */
  readonly actors: () => ReadonlyMap<string, number>;
}

/** Records what happens; reading is by `text`. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #reconciles: client.Counter;
  readonly #duration: client.Histogram;
  readonly #applied: client.Counter;

  constructor(gauges: Gauges) {
    const registers = [this.#registry];
    this.#reconciles = new Counter({
      name: "asya_operator_reconciles_total",
      help: "Actors that were worked on, by result: success or error.",
      labelNames: ["result"],
      registers,
    });
    this.#duration = new Histogram({
      name: "asya_operator_reconcile_duration_seconds",
      help: "Work on one actor.",
      buckets: SECONDS,
      registers,
    });
    this.#applied = new Counter({
      name: "asya_operator_applied_objects_total",
      help: "Objects that were sent to the API server, by kind.",
      labelNames: ["kind"],
      registers,
    });
    new Gauge({
      name: "asya_operator_queue_length",
      help: "Actors that wait to be worked on.",
      registers,
      collect() {
        this.set(gauges.queueLength());
      },
    });
    new Gauge({
      name: "asya_operator_leader",
      help: "1 on the operator that leads.",
      registers,
      collect() {
        this.set(gauges.leading() ? 1 : 0);
      },
    });
    new Gauge({
      name: "asya_operator_actors",
      help: "Actors by their status.",
      labelNames: ["status"],
      registers,
      collect() {
        this.reset();
        for (const [status, count] of gauges.actors()) this.set({ status }, count);
      },
    });
  }

  /** Work on an actor has ended. */
  reconciled(seconds: number, failed: boolean): void {
    this.#reconciles.inc({ result: failed ? "error" : "success" });
    this.#duration.observe(seconds);
  }

  /** An object was sent. */
  applied(kind: string): void {
    this.#applied.inc({ kind });
  }

  /** Everything in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
