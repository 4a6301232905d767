import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { Gateway } from "./gateway.ts";
import type { Report } from "./report.ts";
import { Reporter } from "./reporter.ts";
import { envelope, type Json, Stage, until } from "./test_stage.ts";
import { HandlerError } from "./handlers/mod.ts";

/** A gateway whose answers a test decides. */
class FakeGateway implements AsyncDisposable {
  readonly requests: { path: string; body: Json; authorization: string | null }[] = [];
  answer: (path: string, body: Json) => Response = () => Response.json({});
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      const path = new URL(request.url).pathname;
      const body = await request.json();
      this.requests.push({ path, body, authorization: request.headers.get("authorization") });
      return this.answer(path, body);
    },
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** All reports that came in batches, in order. */
  get reports(): Json[] {
    return this.requests.filter(({ path }) => path === "/reports").flatMap((r) => r.body.reports);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const log = createLogger({ level: "error", write: () => undefined });

function report(n: number, id = "e-1"): Report {
  return { id, kind: "progress", members: `"n":${n}` };
}

function reporterTo(url: string) {
  const told = { dropped: 0, cancelled: [] as string[] };
  const reporter = new Reporter({
    gateway: new Gateway({ url, tokenFile: undefined, fetch, log }),
    log,
    now: () => 1_000,
    onDropped: (count) => told.dropped += count,
    onCancelled: (ids) => told.cancelled.push(...ids),
  });
  return { reporter, told };
}

Deno.test("Reporter.report() posts what comes together as one batch, numbered", async () => {
  await using gateway = new FakeGateway();
  const { reporter, told } = reporterTo(gateway.url);
  for (let n = 0; n < 5; n++) reporter.report(report(n));
  await reporter.close();
  assert.equal(gateway.requests.length, 1);
  assert.deepEqual(gateway.reports.map(({ n }) => n), [0, 1, 2, 3, 4]);
  assert.deepEqual(gateway.reports.map(({ seq }) => seq - gateway.reports[0].seq), [0, 1, 2, 3, 4]);
  assert.deepEqual(told, { dropped: 0, cancelled: [] });
});

Deno.test("Reporter.report() tells when a thing happened, however late it is sent", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  reporter.report(report(1));
  await reporter.close();
  assert.equal(gateway.reports[0].timestamp, "1970-01-01T00:00:01.000Z");
});

/** How long `count` reports took, each flushed and awaited before the next. */
async function flushed(gateway: FakeGateway, count: number): Promise<number> {
  const { reporter } = reporterTo(gateway.url);
  const before = gateway.reports.length;
  const began = performance.now();
  for (let n = 1; n <= count; n++) {
    reporter.report(report(n));
    reporter.flush();
    await until(() => gateway.reports.length === before + n, "the post");
  }
  const took = performance.now() - began;
  await reporter.close();
  return took;
}

Deno.test("Reporter.flush() sends at once what waits for company", async () => {
  await using gateway = new FakeGateway();
  let least = Infinity;
  for (let turn = 0; turn < 20; turn++) least = Math.min(least, await flushed(gateway, 1));
  assert.ok(least < 20, `none of them was sent at once: ${least} ms`);
});

Deno.test("Reporter.flush() waits where something was sent just now", async () => {
  await using gateway = new FakeGateway();
  const took = await flushed(gateway, 10);
  assert.ok(took > 9 * 19, `10 posts within ${took} ms`);
});

Deno.test("Reporter.report() tells which envelopes are to stop", async () => {
  await using gateway = new FakeGateway();
  gateway.answer = () => Response.json({ cancelled: ["e-2", 7], unknown: ["e-3"] });
  const { reporter, told } = reporterTo(gateway.url);
  reporter.report(report(1));
  await until(() => told.cancelled.length > 0, "the answer");
  assert.deepEqual(told.cancelled, ["e-2"]);
  await reporter.close();
});

Deno.test("Reporter.report() repeats a batch that the gateway could not take", async () => {
  await using gateway = new FakeGateway();
  let tries = 0;
  gateway.answer = () => new Response("", { status: tries++ === 0 ? 503 : 200 });
  const { reporter, told } = reporterTo(gateway.url);
  reporter.report(report(1));
  await until(() => tries === 2, "a second try");
  await reporter.close();
  assert.equal(told.dropped, 0);
});

Deno.test("Reporter.report() keeps a bounded number while the gateway is away, the newest", async () => {
  await using gateway = new FakeGateway();
  const { reporter, told } = reporterTo(gateway.url);
  for (let n = 0; n < 12_000; n++) reporter.report(report(n));
  assert.equal(told.dropped, 2_000);
  await reporter.close();
  assert.equal(gateway.reports[0].n, 2_000);
  assert.equal(gateway.reports.length, 10_000);
});

Deno.test("Reporter.close() gives up after a second and counts what it had", async () => {
  const { reporter, told } = reporterTo("http://127.0.0.1:1");
  for (let n = 0; n < 3; n++) reporter.report(report(n));
  await reporter.close();
  assert.equal(told.dropped, 3);
  reporter.report(report(4));
  assert.equal(told.dropped, 4);
});

Deno.test("Gateway.post() sends the token, and a new one after a 401", async () => {
  await using gateway = new FakeGateway();
  const tokenFile = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(tokenFile, "one\n");
    gateway.answer = () =>
      new Response("", {
        status: gateway.requests.at(-1)!.authorization === "Bearer two" ? 200 : 401,
      });
    const client = new Gateway({ url: gateway.url, tokenFile, fetch, log });
    assert.equal((await client.post("/x", "{}")).status, 401);
    await Deno.writeTextFile(tokenFile, "two");
    assert.equal((await client.post("/x", "{}")).status, 200);
    assert.equal(gateway.requests[0]!.authorization, "Bearer one");
  } finally {
    await Deno.remove(tokenFile);
  }
});

Deno.test("startSidecar() ends a cancelled call with the code cancelled, and does not retry it", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  gateway.answer = (_, { reports }) =>
    Response.json({ cancelled: reports.map(({ id }: Json) => id) });
  stage.start({
    env: {
      ASYA_GATEWAY_URL: gateway.url,
      ASYA_RESILIENCY_POLICIES: '{"default":{"maxAttempts":5}}',
    },
    handler: ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true })
      ),
  });
  await stage.send("prep", envelope(1));
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.payload.error, "cancelled");
  await stage.untilEmpty("prep");
});

Deno.test("startSidecar() reports progress, children and partial results, in order", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const sidecar = stage.start({
    env: { ASYA_GATEWAY_URL: gateway.url },
    handler: ({ envelope: { payload } }, sink) => {
      sink.partial(0, new TextEncoder().encode("[1.0]"));
      sink.partial(1, new TextEncoder().encode("no JSON"));
      return Promise.resolve({ frames: [{ payload }, { payload }] });
    },
  });
  const given = { ...JSON.parse(envelope(1)), parent_id: "e-0", status: { attempt: 2 } };
  await stage.send("prep", JSON.stringify(given));
  await stage.take("infer", 2);
  await sidecar.drain();
  const parents = gateway.reports.map((r) => [r.parent_id, r.parent_actor_idx, r.attempt]);
  assert.deepEqual(parents, [
    ["e-0", undefined, undefined],
    ["e-0", undefined, 2],
    [undefined, undefined, undefined],
    ["e-0", undefined, undefined],
    ["e-1", 0, undefined],
  ]);
  const told = gateway.reports.map((r) => [r.id, r.kind, r.status ?? r.payload ?? r.parent_id]);
  assert.deepEqual(told, [
    ["e-1", "progress", "received"],
    ["e-1", "progress", "processing"],
    ["e-1", "partial", [1]],
    ["e-1", "progress", "completed"],
    ["e-1-1", "child", "e-1"],
  ]);
  assert.match(await sidecar.metricsText(), /asya_actor_reports_dropped_total\{queue="prep"\} 1\n/);
});

Deno.test("startSidecar() reports a handler that has nothing to pass on as done", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const sidecar = stage.start({
    env: { ASYA_GATEWAY_URL: gateway.url },
    handler: () => Promise.resolve({ frames: [] }),
  });
  await stage.send("prep", envelope(1));
  await stage.take("happy-end", 1);
  await sidecar.drain();
  assert.deepEqual(gateway.reports.map(({ status }) => status), [
    "received",
    "processing",
    "completed",
  ]);
});

Deno.test("startSidecar() reports a running call again before 5 s have passed", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const running = Promise.withResolvers<never>();
  stage.start({ env: { ASYA_GATEWAY_URL: gateway.url }, handler: () => running.promise });
  await stage.send("prep", envelope(1));
  const count = () => gateway.reports.filter(({ status }) => status === "processing").length;
  await until(() => count() === 1, "the first report");
  const began = performance.now();
  await until(() => count() === 2, "the second report");
  assert.ok(performance.now() - began < 5_500);
  running.reject(new HandlerError({ code: "processing_error", message: "end" }));
  await stage.take("error-end", 1);
});

const END = { ASYA_ACTOR_NAME: "happy-end", ASYA_IS_END_ACTOR: "true" };
const finished = envelope({ r: 1 }, { route: { actors: ["prep"], current: 1 } });

Deno.test("startSidecar() keeps what the gateway refuses for want of a token, and says so", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  let status = 401;
  gateway.answer = () => new Response("", { status });
  const sidecar = stage.start({ env: { ...END, ASYA_GATEWAY_URL: gateway.url } });
  await stage.send("happy-end", finished, finished);
  await until(() => sidecar.stats().trouble?.includes("ASYA_MESH_TOKEN_FILE") ?? false, "trouble");
  assert.equal(sidecar.stats().ready, false);
  assert.equal(await stage.count("happy-end"), 2);
  status = 200;
  await stage.untilEmpty("happy-end");
  await until(() => sidecar.stats().ready, "to be ready again");
  assert.equal(stage.lines.filter(({ level }) => level === "error").length, 1);
});

for (const status of [200, 404, 409]) {
  Deno.test(`startSidecar() takes ${status} as a delivered final state`, async () => {
    await using gateway = new FakeGateway();
    await using stage = await Stage.open();
    gateway.answer = () => new Response("", { status });
    const sidecar = stage.start({ env: { ...END, ASYA_GATEWAY_URL: gateway.url } });
    await stage.send("happy-end", finished);
    await until(() => sidecar.stats().succeeded === 1, "the end");
    assert.equal(await stage.count("happy-end"), 0);
    assert.equal(gateway.requests[0]!.path, "/envelopes/e-1/final");
  });
}

Deno.test("startSidecar() dead-letters what the gateway calls wrong", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  gateway.answer = () => new Response("", { status: 400 });
  const sidecar = stage.start({ env: { ...END, ASYA_GATEWAY_URL: gateway.url } });
  await stage.send("happy-end", finished);
  await until(() => sidecar.stats().failed === 1, "the end");
  const letters = await stage.transport.queue("happy-end").deadLetters("happy-end").list(2);
  assert.deepEqual(letters.map(({ body }) => new TextDecoder().decode(body)), [finished]);
});

for (const status of [400, 413]) {
  Deno.test(`startSidecar() reports a result that the gateway answers with ${status} without the result`, async () => {
    await using gateway = new FakeGateway();
    await using stage = await Stage.open();
    gateway.answer = (_, body) => new Response("", { status: "result" in body ? status : 200 });
    const sidecar = stage.start({ env: { ...END, ASYA_GATEWAY_URL: gateway.url } });
    await stage.send("happy-end", finished);
    await until(() => sidecar.stats().succeeded === 1, "the end");
    assert.equal(gateway.requests.at(-1)!.body.status, "succeeded");
  });
}

Deno.test("startSidecar() keeps a final state for later while the gateway is away", async () => {
  await using stage = await Stage.open();
  const sidecar = stage.start({ env: { ...END, ASYA_GATEWAY_URL: "http://127.0.0.1:1" } });
  await stage.send("happy-end", finished);
  await until(() => sidecar.stats().retried === 1, "a delayed attempt");
  assert.equal(await stage.count("happy-end"), 1);
  assert.equal(await stage.count("error-end"), 0);
});

Deno.test("startSidecar() ends envelopes without a gateway, too", async () => {
  await using stage = await Stage.open();
  const sidecar = stage.start({ env: END });
  await stage.send("happy-end", finished);
  await until(() => sidecar.stats().succeeded === 1, "the end");
});
