/** Metrics that an actor declares in `ASYA_CUSTOM_METRICS` and its handler reports values for. */

import type { HandlerMetric } from "./handlers/handler.ts";
import { Counter, Gauge, Histogram, type Registry } from "prometheus";

const MAX_METRICS = 100;
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

const TYPES = ["counter", "gauge", "histogram"] as const;

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
  if (!Array.isArray(json) || json.length > MAX_METRICS) {
    throw new Error(`expected a list of at most ${MAX_METRICS} metrics: [{"name","type",...}]`);
  }
  const problems = json.flatMap((entry, index) =>
    problemsOf(entry ?? {}).map((problem) => `${index}.${problem}`)
  );
  if (problems.length > 0) {
    throw new Error(`expected [{"name","type",...}]: ${problems.join("; ")}`);
  }
  const metrics = json.map((entry): CustomMetric => ({ labels: [], ...entry }));
  const names = metrics.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`${twice} is declared twice`);
  return metrics;
}

function problemsOf(
  { name, type, help, labels = [], buckets = [] }: { [member: string]: unknown },
) {
  const rules: [string, boolean][] = [
    ["name is no metric name", typeof name === "string" && NAME.test(name)],
    [`type is none of ${TYPES.join(", ")}`, TYPES.some((known) => known === type)],
    ["help is no text", help === undefined || typeof help === "string"],
    ["labels is no list of at most 20 label names", isList(labels, 20, isLabel)],
    ["buckets is no list of at most 100 numbers", isList(buckets, 100, Number.isFinite)],
  ];
  return rules.filter(([, kept]) => !kept).map(([problem]) => problem);
}

function isList(value: unknown, most: number, is: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= most && value.every(is);
}

function isLabel(value: unknown): boolean {
  return typeof value === "string" && LABEL.test(value);
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
