/**
 * Runs a guest's calls in a thread of its own, without any permission. Every failed call is
 * followed by a fresh instance before the next one.
 */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { Guest, type GuestOptions } from "./engine.ts";
import { GuestLog } from "./guest_log.ts";
import {
  type CallRequest,
  type CallResult,
  plainError,
  type WorkerAnswer,
  type WorkerRequest,
} from "./protocol.ts";

/** Results are held back at most this long, in milliseconds, so that fast calls share a message. */
const FLUSH_MS = 1;

let options: GuestOptions | undefined;
let guest: Guest | undefined;

function post(answer: WorkerAnswer, transfer: Transferable[] = []): void {
  self.postMessage(answer, transfer);
}

function postResults(results: CallResult[], idle: boolean): void {
  const transfer = results.flatMap(({ result }) =>
    result instanceof Uint8Array ? [result.buffer] : []
  );
  post({ kind: "results", results, idle }, transfer);
}

async function runCall({ id, input, context, limitMs }: CallRequest): Promise<CallResult> {
  const log = new GuestLog();
  const started = performance.now();
  const end = (result: CallResult["result"]) => ({
    id,
    result,
    log: log.lines(),
    ms: performance.now() - started,
  });
  try {
    guest ??= await Guest.create(options!);
    return end(await guest.call({ input, context, limitMs, log }));
  } catch (error) {
    guest = undefined;
    return end(plainError(error));
  }
}

async function runCalls(calls: readonly CallRequest[]): Promise<void> {
  let results: CallResult[] = [];
  let flushed = performance.now();
  for (const [index, call] of calls.entries()) {
    results.push(await runCall(call));
    const idle = index === calls.length - 1;
    if (idle || performance.now() - flushed > FLUSH_MS) {
      postResults(results, idle);
      results = [];
      flushed = performance.now();
    }
    if (guest?.wornOut) guest = undefined;
  }
}

async function load(request: GuestOptions): Promise<void> {
  options = request;
  try {
    guest = await Guest.create(options);
    post({ kind: "ready" });
  } catch (error) {
    post({ kind: "failed", error: plainError(error) });
  }
}

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if (data.kind === "load") void load(data);
  else void runCalls(data.calls);
};
