/**
 * The parts of prom-client that a service uses, and no more: its front door also loads what reads
 * a cluster and the process, which costs a sidecar several megabytes.
 */

import type * as client from "prom-client";
import counter from "prom-client/lib/counter.js";
import gauge from "prom-client/lib/gauge.js";
import histogram from "prom-client/lib/histogram.js";
import registry from "prom-client/lib/registry.js";

/** A value that only rises. */
export const Counter: typeof client.Counter = counter;
/** A value that rises and falls. */
export const Gauge: typeof client.Gauge = gauge;
/** Observations counted in buckets. */
export const Histogram: typeof client.Histogram = histogram;
/** A set of metrics, printed together. */
export const Registry: typeof client.Registry = registry;
/** A counter. */
export type Counter = client.Counter;
/** A gauge. */
export type Gauge = client.Gauge;
/** A histogram. */
export type Histogram = client.Histogram;
/** A registry. */
export type Registry = client.Registry;
