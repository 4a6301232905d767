/** What one call may ask of its host, wherever it runs. */

import { PluginError, type PluginMetric } from "../plugin.ts";

/** Host calls of all kinds in one call. */
export const MAX_HOST_CALLS = 10_000;

/** Partial results of one call. */
export const MAX_PARTIALS = 1_000;

/** Bytes of all partial results of one call. */
export const MAX_PARTIAL_BYTES = 16 * 1024 * 1024;

/** Metrics of one call. */
export const MAX_METRICS = 100;

/** Labels of one metric. */
const MAX_LABELS = 16;

/** Longest name of a metric, name or value of a label, in characters. */
const MAX_METRIC_TEXT = 256;

/** Counts what a call asks for; every method throws PluginError `host_limit` when it is too much. */
export class CallBudget {
  #hostCalls = 0;
  #partials = 0;
  #partialBytes = 0;
  #metrics: PluginMetric[] = [];

  /** A host call of any kind. */
  count(): void {
    if (++this.#hostCalls <= MAX_HOST_CALLS) return;
    throw new PluginError("host_limit", `a call may ask its host ${MAX_HOST_CALLS} times`);
  }

  /** A partial result of so many bytes. */
  partial(bytes: number): void {
    this.count();
    this.#partials++;
    this.#partialBytes += bytes;
    if (this.#partials <= MAX_PARTIALS && this.#partialBytes <= MAX_PARTIAL_BYTES) return;
    throw new PluginError(
      "host_limit",
      `a call may have ${MAX_PARTIALS} partial results and ${MAX_PARTIAL_BYTES} bytes of them`,
    );
  }

  /** A metric, which is kept. @throws also `guest_error` where its value is no number */
  metric(name: string, value: number, labels: Readonly<Record<string, string>>): void {
    this.count();
    if (!Number.isFinite(value)) {
      throw new PluginError("guest_error", "the value of a metric has to be a finite number");
    }
    const texts = [name, ...Object.entries(labels).flat()];
    if (texts.length > 1 + 2 * MAX_LABELS || texts.some(({ length }) => length > MAX_METRIC_TEXT)) {
      throw new PluginError(
        "host_limit",
        `a metric may have ${MAX_LABELS} labels, and ${MAX_METRIC_TEXT} characters in a name or value`,
      );
    }
    if (this.#metrics.length === MAX_METRICS) {
      throw new PluginError("host_limit", `a call may have ${MAX_METRICS} metrics`);
    }
    this.#metrics.push({ name, value, labels: { ...labels } });
  }

  /** What was measured; once. */
  takeMetrics(): PluginMetric[] {
    const metrics = this.#metrics;
    this.#metrics = [];
    return metrics;
  }
}
