import assert from "node:assert/strict";
import { HandlerError } from "./handlers/mod.ts";
import { FakeGateway } from "./test_gateway.ts";
import { answer, envelope, type Json, Stage, until } from "./test_stage.ts";

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
  // How much is told of what came before the end depends on the time that it takes.
  const reports = gateway.reports.filter((r) => !["received", "processing"].includes(r.status));
  const parents = reports.map((r) => [r.parent_id, r.parent_actor_idx, r.attempt]);
  assert.deepEqual(parents, [
    [undefined, undefined, undefined],
    ["e-0", undefined, 2],
    ["e-1", 0, undefined],
  ]);
  const told = reports.map((r) => [r.id, r.kind, r.status ?? r.payload ?? r.parent_id]);
  assert.deepEqual(told, [
    ["e-1", "partial", [1]],
    ["e-1", "progress", "completed"],
    ["e-1-1", "child", "e-1"],
  ]);
  assert.match(await sidecar.metricsText(), /asya_actor_reports_dropped_total\{queue="prep"\} 1\n/);
});

Deno.test("startSidecar() tells partial results before it sends the envelope to its end", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const sent: number[] = [];
  gateway.answer = async (_path, body) => {
    // A gateway that takes its time: what is sent meanwhile would overtake the report.
    await new Promise((resolve) => setTimeout(resolve, 60));
    sent.push(...body.reports.flatMap((r: { payload?: number }) => r.payload ?? []));
    return Response.json({});
  };
  const sidecar = stage.start({
    env: { ASYA_GATEWAY_URL: gateway.url },
    handler: ({ envelope: { payload } }, sink) => {
      for (const n of [1, 2, 3]) sink.partial(n, new TextEncoder().encode(`${n}`));
      return Promise.resolve({ frames: [{ payload }] });
    },
  });
  const given = { ...JSON.parse(envelope(1)), route: { actors: ["prep"], current: 0 } };
  await stage.send("prep", JSON.stringify(given));
  await stage.take("happy-end", 1);
  assert.deepEqual(sent, [1, 2, 3]);
  await sidecar.drain();
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
  assert.equal(gateway.reports.at(-1).status, "completed");
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

const MANY = 500;

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `e-${n}`);
}

function many(more: object = {}, count = MANY): string[] {
  return ids(count).map((id) => envelope(1, { id, ...more }));
}

Deno.test("startSidecar() sends 500 envelopes on before the gateway answered anything", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const slow = Promise.withResolvers<void>();
  gateway.answer = () => slow.promise.then(() => Response.json({}));
  const sidecar = stage.start({ env: { ASYA_GATEWAY_URL: gateway.url } });
  await stage.send("prep", ...many());
  await until(() => sidecar.stats().succeeded === MANY, "all to be through");
  assert.equal(await stage.count("infer"), MANY);
  await until(() => gateway.requests.length === 1, "the first request, which waits");
  slow.resolve();
  await sidecar.drain();
  const last = new Map(gateway.reports.map(({ id, status }) => [id, status]));
  assert.deepEqual([...last.keys()].toSorted(), ids(MANY).toSorted());
  assert.deepEqual(new Set(last.values()), new Set(["completed"]));
});

for (const kind of ["wrong", "away"]) {
  Deno.test(`startSidecar() sends envelopes on while the gateway is ${kind}, and counts what it could not tell`, async () => {
    await using gateway = new FakeGateway();
    await using stage = await Stage.open();
    gateway.answer = () => new Response("", { status: 500 });
    const url = kind === "wrong" ? gateway.url : "http://127.0.0.1:1";
    const sidecar = stage.start({ env: { ASYA_GATEWAY_URL: url } });
    await stage.send("prep", ...many());
    await until(() => sidecar.stats().succeeded === MANY, "all to be through");
    assert.deepEqual([await stage.count("infer"), await stage.count("error-end")], [MANY, 0]);
    assert.ok(sidecar.stats().ready);
    await sidecar.drain();
    const dropped = /reports_dropped_total\{queue="prep"\} (\d+)\n/.exec(
      await sidecar.metricsText(),
    );
    assert.equal(Number(dropped?.[1]), MANY, "one a envelope, its last state");
  });
}

Deno.test("startSidecar() cancels a call through a gateway that is slow and busy", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const slow = Promise.withResolvers<void>();
  let cancelled: string[] = [];
  gateway.answer = async () => {
    await slow.promise;
    return Response.json({ cancelled });
  };
  stage.start({
    env: { ASYA_GATEWAY_URL: gateway.url, ASYA_CONCURRENCY: "10" },
    handler: (call, sink) =>
      call.envelope.id !== "long"
        ? answer()(call, sink)
        : new Promise((_, reject) =>
          call.signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true })
        ),
  });
  await stage.send("prep", envelope(1, { id: "long" }), ...many());
  await until(() => gateway.requests.length === 1, "a report");
  cancelled = ["long"];
  slow.resolve();
  const { json } = await stage.takeOne("error-end");
  assert.deepEqual([json.id, json.payload.error], ["long", "cancelled"]);
});

Deno.test("startSidecar() has as many final states on their way as envelopes in hand", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const slow = Promise.withResolvers<void>();
  gateway.answer = () => slow.promise.then(() => Response.json({}));
  const env = { ...END, ASYA_CONCURRENCY: "8", ASYA_GATEWAY_URL: gateway.url };
  const sidecar = stage.start({ env });
  const finals = () => gateway.requests.map(({ body }) => body.id);
  await stage.send("happy-end", ...many({ route: { actors: ["prep"], current: 1 } }, 20));
  await until(() => finals().length === 9, "nine at once");
  assert.equal(sidecar.stats().succeeded, 0);
  slow.resolve();
  await stage.untilEmpty("happy-end");
  assert.deepEqual(finals().toSorted(), ids(20).toSorted(), "each told once");
});

Deno.test("startSidecar() tells each final state until it is known, by a gateway that fails and forgets to say so", async () => {
  await using gateway = new FakeGateway();
  await using stage = await Stage.open();
  const known = new Map<string, number>();
  const failed = new Set<string>();
  gateway.answer = (_, { id }) => {
    const nth = known.get(id);
    if (nth !== undefined) return new Response("", { status: 409 });
    const kind = Number(id.split("-")[1]) % 3;
    if (kind === 0 && !failed.has(id)) {
      failed.add(id);
      return new Response("", { status: 500 });
    }
    known.set(id, known.size);
    return new Response("", { status: kind === 1 ? 500 : 200 });
  };
  const sidecar = stage.start({ env: { ...END, ASYA_GATEWAY_URL: gateway.url } });
  await stage.send("happy-end", ...many({ route: { actors: ["prep"], current: 1 } }, 12));
  await stage.untilEmpty("happy-end");
  assert.deepEqual([...known.keys()].toSorted(), ids(12).toSorted());
  assert.deepEqual([sidecar.stats().succeeded, sidecar.stats().retried], [12, 8]);
  assert.equal(await stage.count("error-end"), 0);
});
