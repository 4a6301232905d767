/**
 * Runs a guest's calls in a thread of its own, without any permission. Every failed call is
 * followed by a fresh instance before the next one.
 */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { BlockingHost } from "./blocking_host.ts";
import { createGuest } from "./create_guest.ts";
import type { Guest } from "./guest.ts";
import { GuestLog } from "./guest_log.ts";
import {
  type CallRequest,
  type CallResult,
  type LoadRequest,
  plainError,
  type WorkerAnswer,
  type WorkerRequest,
} from "./protocol.ts";

/** Results are held back at most this long, in milliseconds, so that fast calls share a message. */
const FLUSH_MS = 1;

function post(answer: WorkerAnswer, transfer: Transferable[] = []): void {
  self.postMessage(answer, transfer);
}

function postResults(results: CallResult[], idle: boolean): void {
  const transfer = results.flatMap(({ result }) =>
    result instanceof Uint8Array ? [result.buffer] : []
  );
  post({ kind: "results", results, idle }, transfer);
}

/** The guest of this worker, and what it asks its host through. */
class Loaded {
  readonly #host: BlockingHost;
  #guest: Guest | undefined;

  constructor(private readonly request: LoadRequest) {
    this.#host = new BlockingHost(request.shared, post);
  }

  /** @throws PluginError */
  async refresh(): Promise<Guest> {
    if (this.#guest?.wornOut) this.discard();
    return this.#guest ??= await createGuest(this.request);
  }

  discard(): void {
    this.#guest?.dispose();
    this.#guest = undefined;
  }

  async call({ id, input, context, limitMs }: CallRequest): Promise<CallResult> {
    const log = new GuestLog();
    const started = performance.now();
    this.#host.begin(id);
    const end = (result: CallResult["result"]): CallResult => {
      const ms = performance.now() - started;
      return { id, result, log: log.lines(), metrics: this.#host.takeMetrics(), ms };
    };
    try {
      const guest = await this.refresh();
      return end(guest.call({ input, context, limitMs, log, host: this.#host }));
    } catch (error) {
      this.discard();
      return end(plainError(error));
    }
  }
}

let loaded: Loaded | undefined;

async function load(request: LoadRequest): Promise<void> {
  loaded = new Loaded(request);
  try {
    await loaded.refresh();
    post({ kind: "ready" });
  } catch (error) {
    post({ kind: "failed", error: plainError(error) });
  }
}

async function runCalls(calls: readonly CallRequest[]): Promise<void> {
  let results: CallResult[] = [];
  let flushed = performance.now();
  for (const [index, call] of calls.entries()) {
    results.push(await loaded!.call(call));
    const idle = index === calls.length - 1;
    if (idle || performance.now() - flushed > FLUSH_MS) {
      postResults(results, idle);
      results = [];
      flushed = performance.now();
    }
  }
}

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if (data.kind === "load") void load(data);
  else void runCalls(data.calls);
};
