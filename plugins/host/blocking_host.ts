/**
 * The host calls of a guest in a worker: posts them to the main thread and blocks until it has
 * answered. Needs no permissions. How the two threads keep out of each other's way: host_memory.ts.
 */

import { PluginError, type PluginMetric } from "../plugin.ts";
import type { HostCalls } from "./guest.ts";
import { HostMemory } from "./host_memory.ts";
import type { HttpReply, HttpRequest } from "./http.ts";

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

/** What a guest may want of the main thread. */
export type HostRequest =
  | { readonly ask: "http"; readonly seq: number; readonly request: HttpRequest }
  | { readonly ask: "get"; readonly seq: number; readonly key: string }
  | {
    readonly ask: "set";
    readonly seq: number;
    readonly key: string;
    /** Absent: forget it. */
    readonly value: Uint8Array<ArrayBuffer> | undefined;
  }
  /** Not answered. */
  | { readonly ask: "partial"; readonly body: Uint8Array<ArrayBuffer> };

/** From a worker to its {@linkcode HostSide}; `seq`, where there is one, is unique in the worker. */
export type HostMessage = HostRequest & { readonly kind: "host"; readonly call: number };

/** Host calls of one worker, for one call after another. */
export class BlockingHost implements HostCalls {
  readonly #memory: HostMemory;
  readonly #post: (message: HostMessage, transfer: Transferable[]) => void;
  #call = 0;
  #hostCalls = 0;
  #partials = 0;
  #partialBytes = 0;
  #metrics: PluginMetric[] = [];

  /**
   * @param shared what the worker's {@linkcode HostSide} has
   * @param post to the main thread, in order with what else is posted there
   */
  constructor(
    shared: SharedArrayBuffer,
    post: (message: HostMessage, transfer: Transferable[]) => void,
  ) {
    this.#memory = new HostMemory(shared);
    this.#post = post;
  }

  /** A call starts: nothing of the one before counts any more, however that ended. */
  begin(callId: number): void {
    this.#call = callId;
    this.#hostCalls = 0;
    this.#partials = 0;
    this.#partialBytes = 0;
    this.#metrics = [];
  }

  /** What was measured since {@linkcode begin}. */
  takeMetrics(): PluginMetric[] {
    const metrics = this.#metrics;
    this.#metrics = [];
    return metrics;
  }

  http(request: HttpRequest): HttpReply {
    this.#count();
    const seq = this.#memory.ask();
    const body = request.body?.slice();
    this.#send({ ask: "http", seq, request: { ...request, body } }, body);
    const { reply, body: received } = this.#memory.wait(seq);
    return { ...reply!, body: received! };
  }

  getState(key: string): Uint8Array<ArrayBuffer> | undefined {
    this.#count();
    const seq = this.#memory.ask();
    this.#send({ ask: "get", seq, key });
    return this.#memory.wait(seq).body;
  }

  setState(key: string, value: Uint8Array | undefined): void {
    this.#count();
    const seq = this.#memory.ask();
    const copy = value && new Uint8Array(value);
    this.#send({ ask: "set", seq, key, value: copy }, copy);
    this.#memory.wait(seq);
  }

  partial(body: Uint8Array): void {
    this.#count();
    this.#partials++;
    this.#partialBytes += body.length;
    if (this.#partials > MAX_PARTIALS || this.#partialBytes > MAX_PARTIAL_BYTES) {
      throw new PluginError(
        "host_limit",
        `a call may have ${MAX_PARTIALS} partial results and ${MAX_PARTIAL_BYTES} bytes of them`,
      );
    }
    const copy = new Uint8Array(body);
    this.#send({ ask: "partial", body: copy }, copy);
  }

  metric(name: string, value: number, labels: Readonly<Record<string, string>>): void {
    this.#count();
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

  #count(): void {
    if (++this.#hostCalls <= MAX_HOST_CALLS) return;
    throw new PluginError("host_limit", `a call may ask its host ${MAX_HOST_CALLS} times`);
  }

  /** A copy of bytes goes over: a view of a guest's memory would take all of that along. */
  #send(request: HostRequest, copy?: Uint8Array<ArrayBuffer>): void {
    this.#post({ kind: "host", call: this.#call, ...request }, copy ? [copy.buffer] : []);
  }
}
