/** Metrics that an actor declares in `ASYA_CUSTOM_METRICS` and its handler reports values for. */

import type { HandlerMetric } from "./handlers/handler.ts";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { z } from "zod";

const MAX_METRICS = 100;
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

const Declaration = z.object({
  name: z.string().regex(NAME, "is no metric name"),
  type: z.enum(["counter", "gauge", "histogram"]),
  help: z.string().optional(),
  labels: z.array(z.string().regex(LABEL, "is no label name")).max(20).default([]),
  buckets: z.array(z.number()).min(1).max(100).optional(),
});
const Declarations = z.array(Declaration).max(MAX_METRICS);

/** One metric that an actor declares. */
export interface CustomMetric {
  /** Without the prefix of the sidecar's metrics. */
  readonly name: string;
  /** How values add up. */
  readonly type: "counter" | "gauge" | "histogram";
  /** Default: the name. */
  readonly help?: string | undefined;
  /** Labels that a value may carry. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[] | undefined;
}

/**
 * Checks the JSON of `ASYA_CUSTOM_METRICS`.
 * @throws Error naming what is wrong and where
 */
export function parseCustomMetrics(json: unknown): CustomMetric[] {
  const parsed = Declarations.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
    throw new Error(`expected [{"name","type",...}]: ${problems.join("; ")}`);
  }
  const names = parsed.data.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`${twice} is declared twice`);
  return parsed.data;
}

type Record = (value: number, labels: { [label: string]: string }) => void;

/** Takes a handler's values; those that nobody declared are ignored. */
export class CustomMetrics {
  readonly #records = new Map<string, { readonly labels: readonly string[]; record: Record }>();

  constructor(declared: readonly CustomMetric[], prefix: string, registry: Registry) {
    for (const metric of declared) {
      const { name, labels } = metric;
      this.#records.set(name, { labels, record: recorder(metric, prefix, registry) });
    }
  }

  /** Records the values; `false` when one of them could not be. */
  observe(values: readonly HandlerMetric[]): boolean {
    let all = true;
    for (const { name, value, labels = {} } of values) {
      const metric = this.#records.get(name);
      if (metric === undefined || !Number.isFinite(value)) {
        all = false;
        continue;
      }
      metric.record(value, Object.fromEntries(metric.labels.map((l) => [l, labels[l] ?? ""])));
    }
    return all;
  }
}

function recorder(metric: CustomMetric, prefix: string, registry: Registry): Record {
  const { type } = metric;
  const labelNames = [...metric.labels];
  const name = `${prefix}_${metric.name}`;
  const config = { name, help: metric.help ?? name, labelNames, registers: [registry] };
  if (type === "counter") {
    const counter = new Counter(config);
    return (value, labels) => counter.inc(labels, Math.max(0, value));
  }
  if (type === "gauge") {
    const gauge = new Gauge(config);
    return (value, labels) => gauge.set(labels, value);
  }
  const buckets = metric.buckets === undefined ? {} : { buckets: [...metric.buckets] };
  const histogram = new Histogram({ ...config, ...buckets });
  return (value, labels) => histogram.observe(labels, value);
}

/**
 * The values in a version 1 handler's header `x-asya-metrics`: an array of
 * `{"name","value","labels"?}` or an object of values by name. What is neither is ignored.
 */
export function headerMetrics(json: unknown): HandlerMetric[] {
  if (typeof json !== "object" || json === null) return [];
  const entries = Array.isArray(json)
    ? json
    : Object.entries(json).map(([name, value]) => ({ name, value }));
  return entries.filter(isMetric).slice(0, MAX_METRICS);
}

function isMetric(entry: unknown): entry is HandlerMetric {
  if (typeof entry !== "object" || entry === null) return false;
  const { name, value, labels = {} } = entry as { [member: string]: unknown };
  return typeof name === "string" && typeof value === "number" && typeof labels === "object" &&
    labels !== null && Object.values(labels).every((label) => typeof label === "string");
}
