import assert from "node:assert/strict";
import type { Delivery, Queue } from "@asya/transport";
import { type HandlerAnswer, HandlerGone } from "./handlers/mod.ts";
import { Prefetch } from "./prefetch.ts";
import { answer, envelope, over, Stage, until } from "./test_stage.ts";

/** Envelopes with ids of their own. */
function several(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => envelope(n, { id: `${prefix}-${n}` }));
}

/** The queue, its deliveries changed on the way. */
function receiving(change: (delivery: Delivery) => void): (queue: Queue) => Queue {
  return (queue) =>
    over(queue, {
      async *receive(o) {
        for await (const delivery of queue.receive(o)) {
          change(delivery);
          yield delivery;
        }
      },
    });
}

Deno.test("Pump survives a fan-out mark that is no mark", async () => {
  await using stage = await Stage.open();
  const mark = { depth: { toString: 1 } };
  await stage.send("prep", envelope(1, { headers: { "x-asya-fanout": mark } }));
  stage.start({
    handler: ({ envelope: { payload } }) => Promise.resolve({ frames: [{ payload }, { payload }] }),
  });
  const out = await stage.take("infer", 2);
  assert.deepEqual(out.map(({ json }) => json.headers["x-asya-fanout"].depth), [2, 2]);
});

Deno.test("Pump makes processing_error of an outcome that nothing can be made of", async () => {
  await using stage = await Stage.open();
  const sidecar = stage.start({
    handler: (call, sink) =>
      call.envelope.id === "odd"
        ? Promise.resolve({} as HandlerAnswer) // a handler need not be typed
        : answer()(call, sink),
  });
  await stage.send("prep", envelope(1, { id: "odd" }), envelope(2));
  const { json } = await stage.takeOne("error-end");
  assert.deepEqual([json.id, json.payload.error], ["odd", "processing_error"]);
  assert.equal((await stage.takeOne("infer")).json.id, "e-1");
  await until(() => sidecar.stats().failed === 1, "the count");
  assert.ok(stage.lines.some(({ level, id }) => level === "error" && id === "odd"));
});

Deno.test("Pump makes msg_parsing_error of a body that cannot even be looked at", async () => {
  await using stage = await Stage.open();
  let broken = 1;
  stage.start({
    queue: receiving(({ body }) => {
      if (broken-- <= 0) return;
      const value = () => {
        delete (body as { subarray?: unknown }).subarray;
        throw new TypeError("no such thing");
      };
      Object.defineProperty(body, "subarray", { value, configurable: true });
    }),
  });
  await stage.send("prep", envelope(1, { id: "odd" }), envelope(2));
  assert.equal((await stage.takeOne("infer")).json.id, "e-1");
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.payload.error, "msg_parsing_error");
  assert.match(json.payload.details.message, /no such thing/);
});

Deno.test("Pump gives back what waits long, and keeps the little that is always in hand", async () => {
  await using stage = await Stage.open();
  const gate = Promise.withResolvers<void>();
  const slow = Prefetch.prototype.slow;
  let looks = 0;
  Prefetch.prototype.slow = function () {
    looks++;
    slow.call(this);
  };
  try {
    const first = stage.start({
      handler: async (call, sink) => {
        if (call.envelope.id === "slow") await gate.promise;
        return await answer()(call, sink);
      },
    });
    await stage.send("prep", ...several("fast", 120));
    await until(() => first.stats().succeeded === 120, "calls so fast that many are fetched");
    await stage.send("prep", envelope(0, { id: "slow" }), ...several("next", 60));
    await until(() => first.stats().unsettled === 61, "a hoard");
    const second = stage.start();
    await until(() => second.stats().succeeded === 59, "the second consumer to get it");
    const before = looks;
    await until(() => looks >= before + 2, "two more looks");
    assert.equal(first.stats().unsettled, 2);
    assert.equal(first.stats().released, 59);
    gate.resolve();
    await stage.untilEmpty("prep");
  } finally {
    Prefetch.prototype.slow = slow;
  }
});

Deno.test("Pump takes more after a restart of the handler although one cannot be settled", async () => {
  await using stage = await Stage.open({ missing: ["error-end"] });
  const gate = Promise.withResolvers<void>();
  let away = true;
  const sidecar = stage.start({
    handler: {
      concurrency: 1,
      ready: () => Promise.resolve(),
      close: () => Promise.resolve(),
      async handle({ envelope: { id, payload } }, sink) {
        if (id === "bad") throw new Error("no");
        if (away) {
          away = false;
          throw new HandlerGone("restarting");
        }
        sink.started();
        await gate.promise;
        return { frames: [{ payload }] };
      },
    },
  });
  await stage.send("prep", envelope(1, { id: "bad" }));
  await until(() => sidecar.stats().trouble?.includes("error-end") === true, "trouble");
  await stage.send("prep", ...several("good", 3));
  await until(() => !away && sidecar.stats().inFlight === 1, "a call after the restart");
  assert.equal((await stage.transport.queue("prep").depth("prep")).inFlight, 2);
  gate.resolve();
  await stage.take("infer", 3);
  assert.equal(sidecar.stats().unsettled, 1);
  await stage.declare("error-end");
  assert.equal((await stage.takeOne("error-end")).json.id, "bad");
});
