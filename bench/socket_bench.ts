/**
 * What a call of a Python handler costs over the Unix socket, beside bare ping-pongs of the same
 * bytes. Slices of all contestants alternate, so that a busy machine hurts them alike.
 */

import { join } from "node:path";
import { type Envelope, parseEnvelope } from "@asya/envelope";
import { type Handler, socketHandler } from "@asya/sidecar";
import { createLogger } from "@asya/telemetry";
import { percentile, type Row } from "./row.ts";

const SLICE_MS = 250;
const SLICES = 6;
const TIMED_CALLS = 3_000;
const BATCH = 32;
const RUNTIME = new URL("../runtime/python/asya_runtime.py", import.meta.url).pathname;
const PAYLOAD = JSON.stringify({ text: "x".repeat(1000) });

/** A length and that many bytes, given back; with `json` parsed and printed on the way. */
const ECHO = `
import json, os, socket, sys
path, parse = sys.argv[1], sys.argv[2] == "json"
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(path)
server.listen(1)
print("listening", flush=True)
peer, _ = server.accept()
while True:
    data = peer.recv(65536)
    if not data:
        break
    size = int.from_bytes(data[:4], "big")
    while len(data) < 4 + size:
        data += peer.recv(65536)
    body = data[4:]
    if parse:
        body = json.dumps(json.loads(body)).encode()
    peer.sendall(len(body).to_bytes(4, "big") + body)
`;

/** Gives its payload back. */
const NOOP = "def handle(payload):\n    return payload\n";
/** Costs 5 ms, whatever it is given: one payload or a list of them. */
const FIXED = "import time\ndef handle(payload):\n    time.sleep(0.005)\n    return payload\n";

interface Contestant {
  readonly pid?: number;
  readonly call: () => Promise<unknown>;
  readonly inFlight: number;
  readonly stop: () => Promise<void>;
}

function python(
  args: string[],
  dir: string,
  stdout: "piped" | "null",
  env: Record<string, string> = {},
): Deno.ChildProcess {
  return new Deno.Command("python3", { args, cwd: dir, env, stdout, stderr: "null" }).spawn();
}

async function ended(process: Deno.ChildProcess): Promise<void> {
  process.kill("SIGKILL");
  await process.status;
}

async function pingPong(mode: "bytes" | "json"): Promise<Contestant> {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "echo.sock");
  const process = python(["-c", ECHO, path, mode], dir, "piped");
  const lines = process.stdout.getReader();
  await lines.read();
  const conn = await Deno.connect({ transport: "unix", path });
  const body = new TextEncoder().encode(PAYLOAD);
  const message = new Uint8Array(4 + body.length);
  new DataView(message.buffer).setUint32(0, body.length);
  message.set(body, 4);
  const buffer = new Uint8Array(65_536);
  return {
    inFlight: 1,
    async call() {
      for (let sent = 0; sent < message.length;) sent += await conn.write(message.subarray(sent));
      for (let have = 0, need = 4; have < need;) {
        const count = await conn.read(buffer.subarray(have));
        if (count === null) throw new Error("the echo server ended");
        have += count;
        if (have >= 4) need = 4 + new DataView(buffer.buffer).getUint32(0);
      }
    },
    async stop() {
      conn.close();
      await lines.cancel();
      await ended(process);
      await Deno.remove(dir, { recursive: true });
    },
  };
}

function envelope(): Envelope {
  const route = { actors: ["bench", "next"], current: 0 };
  const text = `{"id":"e-1","route":${JSON.stringify(route)},"payload":${PAYLOAD}}`;
  return parseEnvelope(new TextEncoder().encode(text));
}

function handlerIn(dir: string): Handler {
  const limits = { concurrency: BATCH, maxFrameBytes: 2 ** 28, cancelGraceMs: 5000 };
  return socketHandler({ dir, actor: "bench", log: createLogger({ level: "error" }), ...limits });
}

async function handler(
  version: 1 | 2,
  inFlight: number,
  code = NOOP,
  env: Readonly<Record<string, string>> = {},
): Promise<Contestant> {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(join(dir, "bench.py"), code);
  const process = python([RUNTIME], dir, "null", {
    ASYA_HANDLER: "bench.handle",
    ASYA_SOCKET_DIR: dir,
    ASYA_CONCURRENCY: String(inFlight),
    ASYA_LOG_LEVEL: "ERROR",
    PYTHONPATH: dir,
    ...env,
  });
  const signal = AbortSignal.timeout(20_000);
  let handler = handlerIn(dir);
  await handler.ready(signal);
  if (version === 1) {
    await handler.close();
    await Deno.writeTextFile(join(dir, "runtime-ready"), "ready");
    handler = handlerIn(dir);
    await handler.ready(signal);
  }
  const never = new AbortController().signal;
  const call = { envelope: envelope(), attempt: 1, limitMs: 60_000, signal: never };
  const sink = { partial: () => {}, started: () => {} };
  return {
    pid: process.pid,
    inFlight,
    call: () => handler.handle(call, sink),
    async stop() {
      await handler.close();
      await ended(process);
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Calls made in one slice, and how long it took. */
async function slice({ call, inFlight }: Contestant): Promise<{ calls: number; ms: number }> {
  const start = performance.now();
  let calls = 0;
  const one = async () => {
    for (; performance.now() - start < SLICE_MS; calls++) await call();
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return { calls, ms: performance.now() - start };
}

/** Calls a second of each contestant, in the order given. */
async function race(contestants: readonly Contestant[]): Promise<number[]> {
  for (const contestant of contestants) await slice(contestant); // warm up
  const sums = contestants.map(() => ({ calls: 0, ms: 0 }));
  for (let turn = 0; turn < SLICES; turn++) {
    for (const [at, contestant] of contestants.entries()) {
      const { calls, ms } = await slice(contestant);
      sums[at]!.calls += calls;
      sums[at]!.ms += ms;
    }
  }
  return sums.map(({ calls, ms }) => calls / ms * 1000);
}

/** Resident memory of a process in MB, as Linux counts it. */
async function residentMB(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024 / 1e6;
}

/** What the runtime weighs that has served nothing yet, above a Python that waits. */
async function idleWeight(): Promise<Row[]> {
  const args = ["-c", "import sys; print(flush=True); sys.stdin.read()"];
  const stdio = { stdin: "piped", stdout: "piped" } as const;
  const bare = new Deno.Command("python3", { args, ...stdio }).spawn();
  const lines = bare.stdout.getReader();
  const runtime = await handler(2, 1);
  try {
    await lines.read();
    const [below, above] = [await residentMB(bare.pid), await residentMB(runtime.pid!)];
    return [
      { name: "bare python3, resident", value: below, unit: "MB" },
      { name: "idle runtime above it", value: above - below, unit: "MB", goal: { atMost: 15 } },
    ];
  } finally {
    await runtime.stop();
    await lines.cancel();
    await bare.stdin.close();
    await bare.status;
  }
}

/** Durations of calls one after another. */
async function latency(contestant: Contestant): Promise<Row> {
  const durations: number[] = [];
  for (let n = 0; n < TIMED_CALLS; n++) {
    const start = performance.now();
    await contestant.call();
    durations.push(performance.now() - start);
  }
  const name = "no-op Python handler, version 2, one call after another, p50";
  return { name, value: percentile(durations, 0.5), unit: "ms", goal: { atMost: 0.2 } };
}

/** A handler whose every run costs 5 ms, with as many calls in flight either way. */
async function batches(): Promise<Row[]> {
  const single = await handler(2, BATCH, FIXED, { ASYA_CONCURRENCY: "1" });
  const gathered = await handler(2, BATCH, FIXED, { ASYA_BATCH_SIZE: `${BATCH}` });
  try {
    const [one, many] = await race([single, gathered]) as [number, number];
    return [
      { name: "Python handler of 5 ms, call by call", value: one, unit: "/s" },
      { name: `the same in batches of ${BATCH}`, value: many, unit: "/s" },
      { name: "batches / call by call", value: many / one, unit: "x", goal: { atLeast: 5 } },
    ];
  } finally {
    await single.stop();
    await gathered.stop();
  }
}

/** 1 KB payloads through a handler that gives them back. */
export async function bench(): Promise<Row[]> {
  const contestants: Contestant[] = [];
  try {
    contestants.push(await pingPong("bytes"), await pingPong("json"));
    contestants.push(await handler(1, 1), await handler(2, 1), await handler(2, 8));
    const [bytes, json, v1, v2, v2at8] = await race(contestants) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const rate = (name: string, value: number): Row => ({ name, value, unit: "/s" });
    const ratio = (name: string, value: number): Row => ({ name, value, unit: "x" });
    return [
      rate("bare ping-pong of 1 KB", bytes),
      rate("bare ping-pong of 1 KB, Python parses and prints it", json),
      rate("no-op Python handler, version 1 (a connection a message)", v1),
      rate("no-op Python handler, version 2", v2),
      rate("no-op Python handler, version 2, 8 at once", v2at8),
      { ...ratio("version 2 / version 1", v2 / v1), goal: { atLeast: 2 } },
      await latency(contestants[3]!),
      ratio("version 2 / parsing ping-pong", v2 / json),
      ratio("version 2 / bare ping-pong", v2 / bytes),
      ratio("version 1 / parsing ping-pong", v1 / json),
      ratio("version 2 at 8 / at 1", v2at8 / v2),
      ...await batches(),
      ...await idleWeight(),
    ];
  } finally {
    for (const contestant of contestants) await contestant.stop();
  }
}
