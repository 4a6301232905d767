/** Runs a guest's calls in a thread of its own, without any permission. */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { BlockingHost } from "./blocking_host.ts";
import { HostLine } from "./line.ts";
import {
  type CallResult,
  type CallsRequest,
  type LoadRequest,
  plainError,
  type WorkerRequest,
} from "./protocol.ts";
import { type Ran, Runner } from "./runner.ts";

interface Loaded {
  readonly runner: Runner;
  readonly host: BlockingHost;
  readonly line: HostLine;
}

const NO_BODY = new Uint8Array();

let loaded: Loaded | undefined;

/** `undefined`: it cannot be used. */
async function load(request: LoadRequest): Promise<Loaded | undefined> {
  const runner = new Runner(request);
  const line = new HostLine(request.line, (answer, list) => self.postMessage(answer, list));
  const host = new BlockingHost(
    request.shared,
    (message, transfer) => line.post(message, transfer),
  );
  try {
    await runner.prepare();
  } catch (error) {
    line.post({ kind: "failed", error: plainError(error) });
    return undefined;
  }
  line.post({ kind: "ready" });
  return { runner, host, line };
}

async function runCalls({ runner, host, line }: Loaded, request: CallsRequest): Promise<void> {
  const calls = request.calls.map(({ id, ...call }, n) => ({
    ...call,
    input: request.bodies[n]!,
    host: () => {
      host.begin(id);
      return host;
    },
  }));
  for (let done = 0; done < calls.length;) {
    const ended = await runner.run(calls.slice(done));
    const results = ended.map((ran, n) => resultOf(request.calls[done + n]!.id, ran));
    const bodies = ended.map(({ result }) => result instanceof Uint8Array ? result : NO_BODY);
    done += ended.length;
    line.answer({ kind: "results", results, bodies, idle: done === calls.length });
  }
}

function resultOf(id: number, { result, ...rest }: Ran): CallResult {
  return { id, ...rest, ...result instanceof Uint8Array ? {} : { error: plainError(result) } };
}

async function serve(request: WorkerRequest): Promise<void> {
  if (request.kind === "load") loaded = await load(request);
  else await runCalls(loaded!, request);
  if (loaded === undefined) return;
  for (let next = loaded.line.next(); next !== undefined; next = loaded.line.next()) {
    await runCalls(loaded, next);
  }
}

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => void serve(data);
