/** Gauges of a handler's process: one that leaks or blocks shows here, not only in its results. */

import type { HandlerVitals } from "./handlers/handler.ts";
import { Gauge, type Registry } from "prometheus";

/** Each gauge: its name without prefix, what it says, and its value. */
const GAUGES: readonly [string, string, (vitals: HandlerVitals) => number | undefined][] = [
  ["resident_bytes", "Resident memory of the handler's process.", (v) => v.residentBytes],
  ["threads", "Threads of the handler's process.", (v) => v.threads],
  ["calls", "Calls that the handler's process has.", (v) => v.calls],
  [
    "oldest_call_seconds",
    "Age of the oldest call that the handler's process has; 0 without one.",
    (v) => seconds(v.oldestCallMs),
  ],
  [
    "loop_blocked_seconds",
    "How long the handler's event loop has not come round.",
    (v) => seconds(v.loopBlockedMs),
  ],
  [
    "silent_seconds",
    "How long the handler's process has not answered; 0 when it does.",
    (v) => seconds(v.silentMs),
  ],
];

/** Gauges `<prefix>_runtime_*` with the label `queue`. */
export class RuntimeGauges {
  readonly #gauges: readonly {
    readonly gauge: Gauge;
    readonly valueOf: (vitals: HandlerVitals) => number | undefined;
  }[];

  /** @param queue the label's value */
  constructor(private readonly queue: string, prefix: string, registry: Registry) {
    this.#gauges = GAUGES.map(([name, help, valueOf]) => ({
      gauge: new Gauge({
        name: `${prefix}_runtime_${name}`,
        help,
        labelNames: ["queue"],
        registers: [registry],
      }),
      valueOf,
    }));
  }

  /** Shows these; what is not known is not shown. */
  set(vitals: HandlerVitals | undefined): void {
    const labels = { queue: this.queue };
    for (const { gauge, valueOf } of this.#gauges) {
      const value = vitals && valueOf(vitals);
      if (value === undefined) gauge.remove(labels);
      else gauge.set(labels, value);
    }
  }
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
