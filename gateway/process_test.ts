import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { openSqliteTransport } from "@asya/transport";
import { TOOLS, until } from "./testing/harness.ts";
import { runModule, startModule } from "./testing/process.ts";
import { openSqliteStore } from "./store/sqlite.ts";

const MAIN = "../main.ts";
const STUCK = "./stuck_gateway.ts";

/** A folder with tools and a queue for `prep`, and the environment of a gateway there. */
async function inPlace(
  body: (place: { folder: string; env: Record<string, string> }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/tools.yaml`, TOOLS);
    const env = {
      HOME: Deno.env.get("HOME") ?? "",
      ASYA_TRANSPORT: "sqlite",
      ASYA_SQLITE_PATH: `${folder}/asya.sqlite`,
      ASYA_GATEWAY_HOST: "127.0.0.1",
      ASYA_GATEWAY_PORT: "0",
      ASYA_CONFIG_PATH: `${folder}/tools.yaml`,
    };
    await body({ folder, env });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function openQueue(folder: string) {
  const transport = await openSqliteTransport({
    path: `${folder}/asya.sqlite`,
    log: createLogger({ level: "error" }),
  });
  const queue = transport.queue("prep");
  await queue.declare("prep");
  return { queue, [Symbol.asyncDispose]: () => transport.close() };
}

/** The first message of a queue. */
async function firstMessage(folder: string): Promise<Record<string, unknown>> {
  await using opened = await openQueue(folder);
  const stop = new AbortController();
  for await (const delivery of opened.queue.receive({ prefetch: () => 1, signal: stop.signal })) {
    await opened.queue.complete(delivery, []);
    stop.abort();
    return JSON.parse(new TextDecoder().decode(delivery.body));
  }
  throw new Error("no message");
}

async function call(url: string, name: string, args: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${url}/tools/call`, {
    method: "POST",
    body: JSON.stringify({ name, arguments: args }),
  });
  assert.equal(response.status, 200);
  return JSON.parse((await response.json()).content[0].text).envelope_id;
}

async function stateOf(url: string, id: string): Promise<{ status: string; error?: string }> {
  const response = await fetch(`${url}/envelopes/${id}`);
  assert.equal(response.status, 200);
  return await response.json();
}

Deno.test("main.ts serves, publishes to a real queue, and drains on SIGTERM", () =>
  inPlace(async ({ folder, env }) => {
    await using _queue = await openQueue(folder);
    await using gateway = await startModule(MAIN, { env });
    const id = await call(gateway.url, "echo", { text: "hi" });
    await until("running", async () => (await stateOf(gateway.url, id)).status === "running");
    const stream = await fetch(`${gateway.url}/envelopes/${id}/stream`);
    const foreign = await fetch(`${gateway.url}/health`, { headers: { origin: "http://evil" } });
    assert.equal(foreign.status, 403, "it listens on loopback");
    await foreign.body?.cancel();
    const stopped = gateway.stop("SIGTERM");
    assert.match(await stream.text(), /Sending envelope/); // the open stream ends
    assert.equal(await stopped, 0);
    const { payload, route } = await firstMessage(folder);
    assert.deepEqual(payload, { text: "hi" });
    assert.deepEqual(route, { actors: ["prep"], current: 0, metadata: { job_id: id } });
  }));

Deno.test("main.ts publishes after a restart what kill -9 left between store and queue", () =>
  inPlace(async ({ folder, env }) => {
    await using _queue = await openQueue(folder);
    await using stuck = await startModule(STUCK, { args: [env.ASYA_SQLITE_PATH!] });
    const id = await call(stuck.url, "echo", { text: "kept" });
    await stuck.line(new RegExp(`publishing ${id}`));
    await stuck.stop("SIGKILL");

    await using gateway = await startModule(MAIN, { env });
    await until("running", async () => (await stateOf(gateway.url, id)).status === "running");
    const message = await firstMessage(folder);
    assert.equal(message.id, id);
    assert.deepEqual(message.payload, { text: "kept" });
  }));

Deno.test("main.ts fails after a restart what ran out of time meanwhile", () =>
  inPlace(async ({ env }) => {
    await using stuck = await startModule(STUCK, { args: [env.ASYA_SQLITE_PATH!] });
    const id = await call(stuck.url, "short", {});
    const [over, long] = [Date.now() + 1_000, await call(stuck.url, "echo", { text: "a" })];
    await stuck.stop("SIGKILL");
    await until("its time is over", () => Date.now() > over);

    await using gateway = await startModule(MAIN, { env });
    await until("failed", async () => (await stateOf(gateway.url, id)).status === "failed");
    assert.equal((await stateOf(gateway.url, id)).error, "deadline_exceeded");
    // The other is not overdue; its actor has no queue in this place.
    await until("failed too", async () => (await stateOf(gateway.url, long)).status === "failed");
    assert.equal((await stateOf(gateway.url, long)).error, "route_error");
  }));

Deno.test("a full disk is 503; nothing that was accepted is lost", () =>
  inPlace(async ({ env }) => {
    const path = env.ASYA_SQLITE_PATH!;
    await using stuck = await startModule(STUCK, { args: [path], fileLimit: 600 });
    const accepted: string[] = [];
    let status = 200;
    for (let i = 0; i < 1_000 && status === 200; i++) {
      const response = await fetch(`${stuck.url}/tools/call`, {
        method: "POST",
        body: JSON.stringify({ name: "echo", arguments: { text: "x".repeat(20_000) } }),
      });
      status = response.status;
      const body = await response.json();
      if (status === 200) accepted.push(JSON.parse(body.content[0].text).envelope_id);
      else assert.equal(body.code, "store_unavailable");
    }
    assert.equal(status, 503);
    assert.ok(accepted.length > 3);
    assert.equal((await stateOf(stuck.url, accepted[0]!)).status, "pending", "reading still works");
    await stuck.stop("SIGKILL");
    const store = openSqliteStore(path);
    try {
      for (const id of accepted) assert.equal((await store.get(id))?.payload.length, 20_011);
    } finally {
      await store.close();
    }
  }));

Deno.test("main.ts names all wrong settings at once", async () => {
  const { code, text } = await runModule(MAIN, {
    HOME: Deno.env.get("HOME") ?? "",
    ASYA_GATEWAY_PORT: "many",
    ASYA_LOG_LEVEL: "loud",
  });
  assert.equal(code, 1);
  for (const name of ["ASYA_GATEWAY_PORT", "ASYA_LOG_LEVEL", "ASYA_TRANSPORT"]) {
    assert.match(text, new RegExp(name));
  }
});

Deno.test("main.ts says what is wrong with the database's URL, and not its password", () =>
  inPlace(async ({ env }) => {
    const url = "postgres://me:hunter2#@db/asya";
    const { code, text } = await runModule(MAIN, { ...env, ASYA_DATABASE_URL: url });
    assert.equal(code, 1);
    assert.match(text, /ASYA_DATABASE_URL=\(hidden\): .* percent-encoded/);
    assert.ok(!text.includes("hunter2"));
  }));

Deno.test("main.ts says which port is in use", () =>
  inPlace(async ({ env }) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = String((taken.addr as Deno.NetAddr).port);
    const { code, text } = await runModule(MAIN, { ...env, ASYA_GATEWAY_PORT: port });
    assert.equal(code, 1);
    assert.match(text, new RegExp(`${port}.*in use`));
  }));
