import assert from "node:assert/strict";
import { openSqliteTransport } from "@asya/transport";
import { type GatewayProcess, startModule } from "../../gateway/testing/process.ts";
import { readEvents, type SseEvent } from "../../gateway/testing/sse.ts";
import { freePorts } from "../../tools/services/ports.ts";
import { startPostgres } from "../../tools/services/postgres.ts";
import { test } from "../postgres/setup.ts";
import { until } from "../project.ts";
import { callTool, view } from "./setup.ts";

const TOOLS = `tools:
  - { name: echo, parameters: { n: { type: integer } }, route: [prep], timeout: 600 }
`;
const CLIENTS = 16;

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly database: Awaited<ReturnType<typeof startPostgres>>;
  gateway(): Promise<GatewayProcess>;
}

/** A database of its own, a queue for `prep`, and gateways on both. */
async function startPlace(): Promise<Place> {
  const database = await startPostgres();
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/tools.yaml`, TOOLS);
  const transport = openSqliteTransport({ path: `${folder}/queue.sqlite` });
  await transport.queue("prep").declare("prep");
  await transport.close();
  const env = {
    ASYA_TRANSPORT: "sqlite",
    ASYA_SQLITE_PATH: `${folder}/queue.sqlite`,
    ASYA_GATEWAY_HOST: "127.0.0.1",
    ASYA_GATEWAY_PORT: "0",
    ASYA_CONFIG_PATH: `${folder}/tools.yaml`,
    ASYA_DATABASE_URL: database.url,
  };
  return {
    folder,
    env,
    database,
    gateway: () => startModule("../main.ts", { env }),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** The ids of all messages on the queue, as often as they are there. */
async function queued(folder: string, count: number): Promise<string[]> {
  const transport = openSqliteTransport({ path: `${folder}/queue.sqlite` });
  const queue = transport.queue("prep");
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 10_000);
  const ids: string[] = [];
  for await (const { body } of queue.receive({ prefetch: () => 10_000, signal: stop.signal })) {
    ids.push(JSON.parse(new TextDecoder().decode(body)).id);
    if (new Set(ids).size >= count) stop.abort();
  }
  clearTimeout(timer);
  await transport.close();
  return ids;
}

function stream(url: string, id: string, after = 0): Promise<Response> {
  return fetch(`${url}/envelopes/${id}/stream`, { headers: { "last-event-id": String(after) } });
}

/** Events until the connection ends, whoever ends it. */
async function eventsOf(response: Response, events: SseEvent[] = []): Promise<SseEvent[]> {
  try {
    for await (const event of readEvents(response)) events.push(event);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the connection broke
  }
  return events;
}

async function report(url: string, id: string, message: string): Promise<void> {
  const body = JSON.stringify({ status: "processing", current_actor_idx: 0, message });
  const response = await fetch(`${url}/envelopes/${id}/progress`, { method: "POST", body });
  await response.body?.cancel();
  assert.equal(response.status, 200);
}

async function finish(url: string, id: string): Promise<void> {
  const body = '{"status":"succeeded","result":1}';
  const response = await fetch(`${url}/envelopes/${id}/final`, { method: "POST", body });
  await response.body?.cancel();
  assert.equal(response.status, 200);
}

test("kill -9 of one of two gateways under load loses no call, and streams go on at the other", async () => {
  await using place = await startPlace();
  const [one, two] = await Promise.all([place.gateway(), place.gateway()]);
  await using _one = one;
  await using _two = two;
  const watched = await callTool(one.url, "echo", { n: -1 });
  await until("it runs", async () => (await view(two.url, watched)).status === "running");
  const first = stream(one.url, watched).then((response) => eventsOf(response));
  for (let n = 0; n < 20; n++) await report([one, two][n % 2]!.url, watched, `u${n}`);

  const accepted: string[] = [watched];
  let dead = false;
  const client = async (number: number) => {
    for (let n = 0; accepted.length < 400; n++) {
      const { url } = dead || n % 2 ? two : one;
      try {
        accepted.push(await callTool(url, "echo", { n: number * 1_000 + n }));
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it was being killed
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  await until("there is load", () => accepted.length > 150);
  await one.stop("SIGKILL");
  dead = true;
  await Promise.all(clients);

  const before = await first;
  assert.ok(before.length > 0);
  for (let n = 20; n < 40; n++) await report(two.url, watched, `u${n}`);
  const rest = stream(two.url, watched, before.at(-1)!.id).then((response) => eventsOf(response));
  await finish(two.url, watched);
  const events = [...before, ...await rest];
  assert.deepEqual(events.map(({ id }) => id), events.map((_, index) => index + 1));
  const messages = events.map(({ data }) => data.message);
  const reported = Array.from({ length: 40 }, (_, n) => `u${n}`);
  assert.deepEqual(messages.filter((message) => /^u\d/.test(message)), reported);
  assert.equal(events.at(-1)!.data.status, "succeeded");

  // What the dead one had in hand is taken up when its claim ends, half a minute later.
  for (const id of accepted.slice(1)) {
    await until(`${id} is published`, async () => (await view(two.url, id)).status === "running");
  }
  const seen = new Set(await queued(place.folder, accepted.length));
  assert.deepEqual(accepted.filter((id) => !seen.has(id)), []);
});

test("PostgreSQL away: calls are 503 with Retry-After, streams stay and tell the end when it is back", async () => {
  await using place = await startPlace();
  await using gateway = await place.gateway();
  const { url } = gateway;
  const id = await callTool(url, "echo", { n: 1 });
  await until("it runs", async () => (await view(url, id)).status === "running");
  const told: SseEvent[] = [];
  const following = stream(url, id).then((response) => eventsOf(response, told));
  await until("the stream is there", () => told.length === 1);
  await place.database.stop();
  const refused: [string, RequestInit][] = [
    ["/tools/call", { method: "POST", body: '{"name":"echo"}' }],
    ["/envelopes", {}],
    [`/envelopes/${id}`, {}],
    [`/envelopes/${id}`, { method: "DELETE" }],
    [`/envelopes/${id}/retry`, { method: "POST" }],
    [`/envelopes/${id}/stream`, {}],
    [`/envelopes/${id}/final`, { method: "POST", body: '{"status":"succeeded"}' }],
    ["/health/ready", {}],
  ];
  for (const [path, init] of refused) {
    const response = await fetch(url + path, init);
    await response.body?.cancel();
    assert.equal(response.status, 503, path);
    assert.ok(response.headers.has("retry-after"), path);
  }
  await place.database.start();
  await until("it is ready", async () => {
    const response = await fetch(`${url}/health/ready`);
    await response.body?.cancel();
    return response.ok;
  });
  await finish(url, id);
  await following;
  assert.deepEqual(told.map((event) => event.id), [1, 2]);
  assert.equal(told.at(-1)!.data.status, "succeeded");
});

test("serve.ts is a gateway in each thread of deno serve --parallel, and all know the same", async () => {
  await using place = await startPlace();
  const [port] = freePorts(1);
  const module = new URL("../../gateway/serve.ts", import.meta.url).pathname;
  const args = ["serve", "-A", "--no-check", "--parallel", "--host", "127.0.0.1"];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, "--port", String(port), module],
    env: { ...place.env, DENO_JOBS: "3" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const url = `http://127.0.0.1:${port}`;
  try {
    await until("it is ready", async () => {
      try {
        const response = await fetch(`${url}/health/ready`);
        await response.body?.cancel();
        return response.ok;
      } catch (error) {
        if (error instanceof TypeError) return false; // it does not listen yet
        throw error;
      }
    });
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, n) => callTool(url, "echo", { n })),
    );
    const streams = ids.map((id) => stream(url, id).then((response) => eventsOf(response)));
    await Promise.all(ids.map((id) => finish(url, id)));
    for (const events of await Promise.all(streams)) {
      assert.equal(events.at(-1)!.data.status, "succeeded");
    }
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});
