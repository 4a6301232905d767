/** Runs a guest's calls in a thread of its own, without any permission. */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { BlockingHost } from "./blocking_host.ts";
import {
  type CallRequest,
  type CallResult,
  type LoadRequest,
  plainError,
  toTransfer,
  type WorkerAnswer,
  type WorkerRequest,
} from "./protocol.ts";
import { type Ran, Runner } from "./runner.ts";

interface Loaded {
  readonly runner: Runner;
  readonly host: BlockingHost;
}

let loaded: Loaded | undefined;

function post(answer: WorkerAnswer, transfer: Transferable[] = []): void {
  self.postMessage(answer, transfer);
}

function postResults(results: CallResult[], idle: boolean): void {
  const outputs = results.map(({ result }) => result).filter((it) => it instanceof Uint8Array);
  post({ kind: "results", results, idle }, toTransfer(outputs));
}

async function load(request: LoadRequest): Promise<void> {
  const runner = new Runner(request);
  loaded = { runner, host: new BlockingHost(request.shared, post) };
  try {
    await runner.prepare();
    post({ kind: "ready" });
  } catch (error) {
    post({ kind: "failed", error: plainError(error) });
  }
}

async function runCalls(requests: readonly CallRequest[]): Promise<void> {
  const { runner, host } = loaded!;
  const calls = requests.map(({ id, ...call }) => ({
    ...call,
    host: () => {
      host.begin(id);
      return host;
    },
  }));
  for (let done = 0; done < calls.length;) {
    const results = (await runner.run(calls.slice(done)))
      .map((ran, n) => resultOf(requests[done + n]!, ran));
    done += results.length;
    postResults(results, done === calls.length);
  }
}

function resultOf({ id }: CallRequest, { result, ...rest }: Ran): CallResult {
  return { id, result: result instanceof Uint8Array ? result : plainError(result), ...rest };
}

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if (data.kind === "load") void load(data);
  else void runCalls(data.calls);
};
