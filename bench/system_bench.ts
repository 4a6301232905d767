/**
 * The whole path: queue, sidecar, handler, queue. Latency is our own time per hop, with a handler
 * that does nothing; throughput stands beside the bare parts that it is made of, in one run.
 */

import { DatabaseSync } from "node:sqlite";
import { encodeEnvelope, type Envelope } from "@asya/envelope";
import { buildAssemblyScript, loadPlugin } from "@asya/plugins";
import {
  functionHandler,
  type Handler,
  readSidecarSettings,
  type Sidecar,
  socketHandler,
  startSidecar,
  wasmHandler,
} from "@asya/sidecar";
import { createLogger } from "@asya/telemetry";
import { openSqliteTransport, type Transport } from "@asya/transport";
import { percentile, type Row } from "./row.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const HOPS = 5;
const LATENCY_SAMPLES = 150;
const RATE_PER_SECOND = 50;
const BACKLOG = 4_000;
const log = createLogger({ level: "error" });

function envelope(id: string, actors: readonly string[]): Envelope {
  return {
    id,
    route: { actors, current: 0, extra: new Map() },
    payload: new TextEncoder().encode(JSON.stringify({ text: "x".repeat(900) })),
    extra: new Map(),
  };
}

function outgoing(one: Envelope) {
  return { actor: one.route.actors[0]!, body: encodeEnvelope(one), messageId: one.id };
}

async function sidecar(
  transport: Transport,
  actor: string,
  handler: Handler,
  concurrency = handler.concurrency,
): Promise<Sidecar> {
  const end = `${actor === "happy-end"}`;
  const env = { ASYA_ACTOR_NAME: actor, ASYA_TRANSPORT: "sqlite", ASYA_IS_END_ACTOR: end };
  const settings = readSidecarSettings({ ...env, ASYA_CONCURRENCY: `${concurrency}` });
  const queue = transport.queue(actor);
  await queue.declare(actor);
  return startSidecar({ settings, queue, handler, log });
}

async function withTransport<T>(
  use: (transport: Transport, dir: string) => Promise<T>,
): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "asya-bench-" });
  const transport = openSqliteTransport({ path: `${dir}/queue.db` });
  try {
    return await use(transport, dir);
  } finally {
    await transport.close();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Commits of one row a transaction, synced, a second. */
function bareCommits(dir: string): number {
  const db = new DatabaseSync(`${dir}/bare.db`);
  db.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t (b BLOB)",
  );
  const insert = db.prepare("INSERT INTO t VALUES (?)");
  const body = new Uint8Array(1_100);
  const began = performance.now();
  let count = 0;
  for (; performance.now() - began < 1_000; count++) insert.run(body);
  db.close();
  return count / ((performance.now() - began) / 1000);
}

/** Milliseconds per hop of envelopes sent at a steady rate over actors that do nothing. */
function hopLatency(): Promise<number[]> {
  return withTransport(async (transport) => {
    const actors = Array.from({ length: HOPS }, (_, n) => `hop-${n}`);
    const sidecars: Sidecar[] = [];
    for (const actor of actors) {
      const noop = functionHandler(
        1,
        ({ envelope }) => Promise.resolve({ frames: [{ payload: envelope.payload }] }),
      );
      sidecars.push(await sidecar(transport, actor, noop));
    }
    const sentAt = new Map<string, number>();
    const perHop: number[] = [];
    const all = Promise.withResolvers<void>();
    sidecars.push(
      await sidecar(
        transport,
        "happy-end",
        functionHandler(8, ({ envelope }) => {
          perHop.push((performance.now() - sentAt.get(envelope.id)!) / (HOPS + 1));
          if (perHop.length === LATENCY_SAMPLES) all.resolve();
          return Promise.resolve({ frames: [] });
        }),
      ),
    );
    const queue = transport.queue("hop-0");
    let n = 0;
    const clock = setInterval(() => {
      if (n === LATENCY_SAMPLES) return clearInterval(clock);
      const id = `e-${n++}`;
      sentAt.set(id, performance.now());
      queue.send([outgoing(envelope(id, actors))]);
    }, 1000 / RATE_PER_SECOND);
    await all.promise;
    await Promise.all(sidecars.map((one) => one.drain()));
    return perHop;
  });
}

/** Envelopes a second through one actor, from a full queue into a queue that nobody empties. */
function throughput(
  open: (dir: string) => Promise<{ handler: Handler; stop(): Promise<void> }>,
  concurrency: number,
) {
  return withTransport(async (transport, dir) => {
    await transport.queue("next").declare("next");
    const queue = transport.queue("work");
    await queue.declare("work");
    for (let n = 0; n < BACKLOG; n += 500) {
      await queue.send(
        Array.from({ length: 500 }, (_, i) => outgoing(envelope(`e-${n + i}`, ["work", "next"]))),
      );
    }
    const { handler, stop } = await open(dir);
    await handler.ready(AbortSignal.timeout(30_000));
    const began = performance.now();
    const running = await sidecar(transport, "work", handler, concurrency);
    // Half of the backlog at most: the end of a queue is slower than its middle.
    while (running.stats().succeeded < BACKLOG / 2) {
      await new Promise((done) => setTimeout(done, 5));
    }
    const rate = running.stats().succeeded / ((performance.now() - began) / 1000);
    const bare = bareCommits(dir);
    await running.drain();
    await handler.close();
    await stop();
    return { rate, bare };
  });
}

const PYTHON_NOOP = "def process(payload):\n    return payload\n";

async function pythonHandler(dir: string) {
  await Deno.writeTextFile(`${dir}/noop.py`, PYTHON_NOOP);
  const process = new Deno.Command("python3", {
    args: [`${ROOT}runtime/python/asya_runtime.py`],
    cwd: dir,
    env: { ASYA_HANDLER: "noop.process", ASYA_SOCKET_DIR: dir, PYTHONPATH: dir },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const handler = socketHandler({
    dir,
    concurrency: 1,
    maxFrameBytes: 2 ** 28,
    cancelGraceMs: 5_000,
    actor: "work",
    log,
  });
  const stop = async () => {
    process.kill("SIGTERM");
    await process.status;
  };
  return { handler, stop };
}

const WASM_NOOP = `import { input, output } from "asya";
export function handle(): i32 {
  output(input());
  return 0;
}
`;

async function pluginHandler(dir: string) {
  await Deno.mkdir(`${dir}/assembly`);
  await Deno.writeTextFile(`${dir}/assembly/index.ts`, WASM_NOOP);
  const module = await buildAssemblyScript(`${dir}/assembly/index.ts`);
  const MiB = 2 ** 20;
  const limits = {
    timeoutMs: 1_000,
    startMs: 10_000,
    memoryBytes: 16 * MiB,
    kernelBytes: 16 * MiB,
    moduleBytes: MiB,
    outputBytes: 8 * MiB,
  };
  const level = "worker";
  const shared = {
    functionName: "handle",
    config: {},
    workers: 1,
    allowedHosts: [],
    stateBytes: 0,
  };
  const load = () => loadPlugin({ module, level, limits, ...shared });
  return { handler: wasmHandler({ load, actor: "work", mode: "payload" }), stop: async () => {} };
}

/** Calls of the Python handler a second over its socket, without any queue. */
async function bareCalls(): Promise<number> {
  const dir = await Deno.makeTempDir({ prefix: "asya-bench-" });
  const { handler, stop } = await pythonHandler(dir);
  await handler.ready(AbortSignal.timeout(30_000));
  const call = {
    envelope: envelope("e", ["work"]),
    attempt: 1,
    limitMs: 60_000,
    signal: new AbortController().signal,
  };
  const sink = { partial() {}, started() {} };
  const began = performance.now();
  let count = 0;
  for (; performance.now() - began < 1_000; count++) await handler.handle(call, sink);
  const rate = count / ((performance.now() - began) / 1000);
  await handler.close();
  await stop();
  await Deno.remove(dir, { recursive: true });
  return rate;
}

/** Resident memory of a process in MB, from /proc. */
async function residentMegabytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+([0-9]+) kB/.exec(status)![1]) / 1024;
}

/** Resident memory of an idle sidecar process. */
async function sidecarMemory(): Promise<number> {
  const dir = await Deno.makeTempDir({ prefix: "asya-bench-" });
  const { handler, stop } = await pythonHandler(dir);
  await handler.ready(AbortSignal.timeout(30_000));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${ROOT}deno.json`, `${ROOT}sidecar/main.ts`],
    env: {
      ASYA_ACTOR_NAME: "work",
      ASYA_TRANSPORT: "sqlite",
      ASYA_SQLITE_PATH: `${dir}/queue.db`,
      ASYA_QUEUE_AUTO_CREATE: "true",
      ASYA_SOCKET_DIR: dir,
      ASYA_METRICS_ADDR: "127.0.0.1:0",
    },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes('"started"');) text += (await lines.read()).value ?? "";
  await new Promise((settled) => setTimeout(settled, 1_000));
  const megabytes = await residentMegabytes(child.pid);
  child.kill("SIGTERM");
  await child.status;
  await lines.cancel();
  await handler.close();
  await stop();
  await Deno.remove(dir, { recursive: true });
  return megabytes;
}

/** Milliseconds from the command to "ready" of `dev` over the demo's four actors, plugin built. */
async function devReady(): Promise<number> {
  const began = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `--config=${ROOT}deno.json`,
      `${ROOT}cli/main.ts`,
      "dev",
      `${ROOT}examples/documents`,
      "--port=0",
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !/ready in/.test(text);) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`dev ended before it was ready: ${text}`);
    text += value;
  }
  const ms = performance.now() - began;
  child.kill("SIGTERM");
  await child.status;
  await lines.cancel();
  return ms;
}

/** The figures. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  const hops = await hopLatency();
  const what = `own time per hop, ${HOPS} hops at ${RATE_PER_SECOND}/s`;
  rows.push({
    name: `${what}, p50`,
    value: percentile(hops, 0.5),
    unit: "ms",
    goal: { atMost: 2 },
  });
  rows.push({ name: `${what}, p99`, value: percentile(hops, 0.99), unit: "ms" });

  const socket = await bareCalls();
  const python = await throughput(pythonHandler, 1);
  const plugin = await throughput(pluginHandler, 16);
  const lower = Math.min(socket, python.bare);
  rows.push({ name: "Python handler alone, over its socket", value: socket, unit: "/s" });
  rows.push({ name: "SQLite alone, one synced row a commit", value: python.bare, unit: "/s" });
  rows.push({ name: "no-op Python actor, queue to queue", value: python.rate, unit: "/s" });
  rows.push({
    name: "  of the lower of the two",
    value: python.rate / lower,
    unit: "x",
    goal: { atLeast: 0.5 },
  });
  rows.push({ name: "no-op WASM actor, queue to queue", value: plugin.rate, unit: "/s" });
  rows.push({ name: "  of SQLite alone", value: plugin.rate / plugin.bare, unit: "x" });

  await devReady(); // builds the plugin where no earlier run has
  rows.push({
    name: "dev ready, four actors",
    value: await devReady(),
    unit: "ms",
    goal: { atMost: 2_000 },
  });
  rows.push({
    name: "sidecar process, idle",
    value: await sidecarMemory(),
    unit: "MB",
    goal: { atMost: 62 },
  });
  return rows;
}
