/** The operator's metrics. */

import { Counter, Gauge, Histogram, Registry } from "prometheus";

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
  readonly #reconciles: Counter;
  readonly #duration: Histogram;
  readonly #applied: Counter;

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
