/**
 * What it costs to be told: a sidecar and the end actor behind it, with and without a gateway
 * process on PostgreSQL that hears of every envelope, all on one machine.
 */

import { startPostgres } from "../../tools/services/postgres.ts";
import { v8Flags } from "../image_flags.ts";
import type { Row } from "../row.ts";
import { Cast, sidecarProcess } from "./cast.ts";
import { Process } from "./process.ts";
import type { Program } from "./programs.ts";
import { median, NEXT, ROUNDS } from "./race.ts";
import { type Envelope, envelope, envelopes, Scene } from "./scene.ts";

const BYTES = 1_024;
const FULL = 2_000;
const HALF_SECONDS = 2;
/** Ids that are registered with one request. */
const BATCH = 500;
const TICK_MS = 10;
/** Envelopes whose reports are counted. */
const COUNTED = 500;
const LOOK_MS = 25;
const PATIENCE_MS = 60_000;
const WORK = "work";
const END = "happy-end";
const TOOLS = `tools:
  - { name: parent, description: The parent of all, parameters: {}, route: [${NEXT}] }
`;

/** A sidecar and the end actor behind it. */
interface Pipeline {
  readonly scene: Scene;
  readonly work: Process;
  /** Envelopes that the end actor has ended. */
  ended(): Promise<number>;
  /** Makes the ids known to whoever wants to know. */
  register(envelopes: readonly Envelope[]): Promise<void>;
}

interface Run {
  readonly rate: number;
  readonly cpuMs: number;
}

/** Full and half load, with and without a gateway. */
export async function reports(url: string): Promise<Row[]> {
  await using plainScene = await Scene.open(url, "plain");
  await using toldScene = await Scene.open(url, "told");
  await using database = await startPostgres();
  await using cast = new Cast(toldScene);
  const gateway = await startGateway(toldScene, cast, database.url);
  const plain = await pipeline(plainScene, cast);
  const told = await pipeline(toldScene, cast, gateway);
  const full: { plain: Run; told: Run }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const one = { plain: await atOnce(plain), told: await atOnce(told) };
    if (round > 0) full.push(one);
  }
  const most = median(full.map(({ plain }) => plain.rate));
  const half: { plain: Run; told: Run }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    half.push({ plain: await steadily(plain, most / 2), told: await steadily(told, most / 2) });
  }
  const perEnvelope = await reportsPerEnvelope(url);
  const over = (runs: typeof full, of: (run: { plain: Run; told: Run }) => number) =>
    median(runs.map(of));
  return [
    { name: "Python actor and end actor, no gateway, full load", value: most, unit: "/s" },
    {
      name: "the same with progress and final reports to a gateway on PostgreSQL",
      value: over(full, ({ told }) => told.rate),
      unit: "/s",
    },
    {
      name: "  of that without",
      value: over(full, ({ plain, told }) => told.rate / plain.rate),
      unit: "x",
      goal: { atLeast: 0.6 },
    },
    {
      name: "half of that load, carried with reports, of that without",
      value: over(half, ({ plain, told }) => told.rate / plain.rate),
      unit: "x",
      goal: { atLeast: 0.95 },
    },
    {
      name: "  CPU a message of the sidecar, without reports",
      value: over(half, ({ plain }) => plain.cpuMs),
      unit: "ms",
    },
    {
      name: "  CPU of the sidecar with reports, of that without",
      value: over(half, ({ plain, told }) => told.cpuMs / plain.cpuMs),
      unit: "x",
      goal: { atMost: 1.15 },
    },
    {
      name: "progress reports an envelope that is handled at once",
      value: perEnvelope,
      unit: "",
    },
  ];
}

/** Counted by somebody who takes the gateway's place. */
async function reportsPerEnvelope(url: string): Promise<number> {
  await using scene = await Scene.open(url, "count");
  await scene.declare(WORK, END);
  let entries = 0;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      entries += (await request.json()).reports.length;
      return Response.json({ cancelled: [], unknown: [] });
    },
  );
  try {
    const env = { ASYA_GATEWAY_URL: `http://127.0.0.1:${server.addr.port}` };
    await using _ = await sidecarProcess(scene, "bench/broker/function_sidecar", WORK, env);
    await scene.publishAll(WORK, 1, envelopes("first", [WORK], BYTES));
    await scene.untilDepth(END, (depth) => depth === 1); // it is up, so that nothing waits long
    await scene.publishAll(WORK, COUNTED - 1, envelopes("counted", [WORK], BYTES));
    await scene.untilDepth(END, (depth) => depth === COUNTED);
  } finally {
    await server.shutdown(); // after the sidecar, which sends the last ones when it ends
  }
  return entries / COUNTED;
}

interface GatewayProcess {
  readonly url: string;
  readonly parent: string;
}

async function startGateway(
  scene: Scene,
  cast: Cast,
  databaseUrl: string,
): Promise<GatewayProcess> {
  await scene.declare(NEXT);
  const dir = await Deno.makeTempDir({ prefix: "asya-bench-" });
  await Deno.writeTextFile(`${dir}/tools.yaml`, TOOLS);
  const port = freePort();
  cast.use(Process.module("gateway/main.ts", {
    env: {
      ...scene.env,
      DENO_V8_FLAGS: v8Flags("gateway"),
      ASYA_GATEWAY_HOST: "127.0.0.1",
      ASYA_GATEWAY_PORT: `${port}`,
      ASYA_DATABASE_URL: databaseUrl,
      ASYA_CONFIG_PATH: `${dir}/tools.yaml`,
    },
  }));
  cast.use({ [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) });
  const url = `http://127.0.0.1:${port}`;
  const answer = await untilAnswered(`${url}/tools/call`, {
    method: "POST",
    body: '{"name":"parent","arguments":{}}',
  });
  const parent: string = JSON.parse((await answer.json()).content[0].text).envelope_id;
  return { url, parent };
}

async function pipeline(scene: Scene, cast: Cast, gateway?: GatewayProcess): Promise<Pipeline> {
  await scene.declare(WORK, END);
  const { dir } = await cast.python("noop");
  const told: Record<string, string> = gateway ? { ASYA_GATEWAY_URL: gateway.url } : {};
  const start = async (program: Program, name: string, env: Record<string, string>) =>
    cast.use(await sidecarProcess(scene, program, name, { ...told, ...env }));
  const work = await start("sidecar/main", WORK, { ASYA_SOCKET_DIR: dir });
  const port = freePort();
  await start("bench/broker/function_sidecar", END, {
    ASYA_IS_END_ACTOR: "true",
    ASYA_CONCURRENCY: "8",
    ASYA_METRICS_ADDR: `127.0.0.1:${port}`,
  });
  await untilAnswered(`http://127.0.0.1:${port}/health/ready`);
  return {
    scene,
    work,
    async ended() {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const found = /messages_processed_total\{[^}]*status="end_consumed"[^}]*\} ([0-9]+)/.exec(
        text,
      );
      return Number(found?.[1] ?? 0);
    },
    async register(envelopes) {
      if (gateway === undefined) return;
      const { url, parent } = gateway;
      const rest = { kind: "child", parent_id: parent, actors: [WORK], current: 0 };
      for (let from = 0; from < envelopes.length; from += BATCH) {
        const entries = envelopes.slice(from, from + BATCH).map(({ id }) => ({
          id,
          seq: 1,
          ...rest,
        }));
        const body = JSON.stringify({ reports: entries });
        const answer = await (await fetch(`${url}/reports`, { method: "POST", body })).json();
        if (answer.unknown.length > 0) throw new Error(`not registered: ${JSON.stringify(answer)}`);
      }
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Asks until somebody answers that all is well. */
async function untilAnswered(url: string, init?: RequestInit): Promise<Response> {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
    try {
      const response = await fetch(url, init);
      if (response.ok) return response;
      await response.body?.cancel();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // nobody listens yet
    }
    await new Promise((waited) => setTimeout(waited, LOOK_MS));
  }
  throw new Error(`${url} does not answer`);
}

async function prepared({ register }: Pipeline, count: number): Promise<Envelope[]> {
  const run = crypto.randomUUID();
  const envelopes = Array.from({ length: count }, (_, n) => envelope(`${run}-${n}`, [WORK], BYTES));
  await register(envelopes);
  return envelopes;
}

/** Everything waits in the queue at the beginning. */
async function atOnce(pipeline: Pipeline): Promise<Run> {
  const { scene, work } = pipeline;
  const envelopes = await prepared(pipeline, FULL);
  work.freeze();
  await scene.publishAll(WORK, FULL, (n) => envelopes[n]!);
  return await measured(pipeline, FULL, () => {
    work.thaw();
    return Promise.resolve();
  });
}

/** So many a second. */
async function steadily(pipeline: Pipeline, perSecond: number): Promise<Run> {
  const count = Math.floor(perSecond * HALF_SECONDS);
  const envelopes = await prepared(pipeline, count);
  return await measured(pipeline, count, async () => {
    const began = performance.now();
    const confirmed: Promise<void>[] = [];
    while (confirmed.length < count) {
      const due = Math.min(count, (performance.now() - began) / 1000 * perSecond);
      while (confirmed.length < due) {
        const { id, bytes } = envelopes[confirmed.length]!;
        confirmed.push(pipeline.scene.publish(WORK, id, bytes));
      }
      await new Promise((waited) => setTimeout(waited, TICK_MS));
    }
    await Promise.all(confirmed);
  });
}

/** From the beginning of `feed` until the end actor has ended `count`. */
async function measured(
  { work, ended }: Pipeline,
  count: number,
  feed: () => Promise<void>,
): Promise<Run> {
  const before = await ended();
  const cpu = work.cpuMs;
  const began = performance.now();
  await feed();
  for (const until = began + PATIENCE_MS; await ended() < before + count;) {
    if (performance.now() > until) throw new Error("envelopes do not reach their end");
    await new Promise((looked) => setTimeout(looked, LOOK_MS));
  }
  const seconds = (performance.now() - began) / 1000;
  return { rate: count / seconds, cpuMs: (work.cpuMs - cpu) / count };
}
