/**
 * The host calls of a guest in a worker: posts them to the main thread and blocks until it has
 * answered. Needs no permissions. How the two threads keep out of each other's way: host_memory.ts.
 */

import type { PluginMetric } from "../plugin.ts";
import { CallBudget } from "./call_budget.ts";
import type { HostCalls } from "./guest.ts";
import { HostMemory } from "./host_memory.ts";
import type { HttpReply, HttpRequest } from "./http.ts";

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
  #budget = new CallBudget();

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
    this.#budget = new CallBudget();
  }

  /** What was measured since {@linkcode begin}. */
  takeMetrics(): PluginMetric[] {
    return this.#budget.takeMetrics();
  }

  http(request: HttpRequest): HttpReply {
    this.#budget.count();
    const seq = this.#memory.ask();
    const body = request.body?.slice();
    this.#send({ ask: "http", seq, request: { ...request, body } }, body);
    const { reply, body: received } = this.#memory.wait(seq);
    return { ...reply!, body: received! };
  }

  getState(key: string): Uint8Array<ArrayBuffer> | undefined {
    this.#budget.count();
    const seq = this.#memory.ask();
    this.#send({ ask: "get", seq, key });
    return this.#memory.wait(seq).body;
  }

  setState(key: string, value: Uint8Array | undefined): void {
    this.#budget.count();
    const seq = this.#memory.ask();
    const copy = value && new Uint8Array(value);
    this.#send({ ask: "set", seq, key, value: copy }, copy);
    this.#memory.wait(seq);
  }

  partial(body: Uint8Array): void {
    this.#budget.partial(body.length);
    const copy = new Uint8Array(body);
    this.#send({ ask: "partial", body: copy }, copy);
  }

  metric(name: string, value: number, labels: Readonly<Record<string, string>>): void {
    this.#budget.metric(name, value, labels);
  }

  /** A copy of bytes goes over: a view of a guest's memory would take all of that along. */
  #send(request: HostRequest, copy?: Uint8Array<ArrayBuffer>): void {
    this.#post({ kind: "host", call: this.#call, ...request }, copy ? [copy.buffer] : []);
  }
}
