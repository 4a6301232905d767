import assert from "node:assert/strict";
import { HandlerError, HandlerGone, HandlerTimeout } from "./handlers/mod.ts";
import { answer, bytes, envelope, over, Stage, until } from "./test_stage.ts";
import type { Handler, HandlerAnswer, HandlerCall, HandlerSink } from "./handlers/mod.ts";

/** A handler whose calls a test ends one by one, and whose readiness it decides. */
class Puppet implements Handler {
  concurrency = 1;
  readonly calls: {
    readonly call: HandlerCall;
    readonly sink: HandlerSink;
    readonly end: PromiseWithResolvers<HandlerAnswer>;
  }[] = [];
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(concurrency = 1) {
    this.concurrency = concurrency;
  }

  /** From now on `ready` waits. */
  leave(): void {
    this.#gate = Promise.withResolvers();
  }

  /** It is there again. */
  comeBack(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async ready(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => aborted.reject(signal.reason), { once: true });
    signal.throwIfAborted();
    await Promise.race([this.#gate?.promise, aborted.promise]);
  }

  handle(call: HandlerCall, sink: HandlerSink): Promise<HandlerAnswer> {
    const end = Promise.withResolvers<HandlerAnswer>();
    this.calls.push({ call, sink, end });
    sink.started();
    return end.promise;
  }

  async reached(count: number): Promise<void> {
    await until(() => this.calls.length >= count, `${count} calls (had ${this.calls.length})`);
  }

  ids(): string[] {
    return this.calls.map(({ call }) => call.envelope.id);
  }

  answer(index: number): void {
    const { call, end } = this.calls[index]!;
    end.resolve({ frames: [{ payload: call.envelope.payload }] });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

Deno.test("startSidecar() takes an envelope to the next actor, byte for byte", async () => {
  await using stage = await Stage.open();
  const payload = '{"n": 9007199254740993, "e":1e400,"z":-0, "s":"\\ud800"}';
  const text = `{"id":"e-1","route":{"actors":["prep","infer"]},"payload":${payload},"x":1.0}`;
  await stage.send("prep", text);
  const sidecar = stage.start();
  const out = await stage.takeOne("infer");
  assert.ok(out.text.includes(`"payload":${payload}`));
  assert.ok(out.text.includes('"x":1.0'));
  assert.equal(out.json.route.current, 1);
  await stage.untilEmpty("prep");
  await until(() => sidecar.stats().succeeded === 1, "the count");
  assert.equal(sidecar.stats().ready, true);
});

Deno.test("startSidecar() handles the next envelope while one is being settled", async () => {
  await using stage = await Stage.open();
  const gate = Promise.withResolvers<void>();
  let completing = 0;
  const handler = new Puppet();
  const sidecar = stage.start({
    handler,
    queue: (queue) =>
      over(queue, {
        async complete(...args) {
          completing++;
          await gate.promise;
          return await queue.complete(...args);
        },
      }),
  });
  await stage.send("prep", envelope(1), envelope(2, { id: "e-2" }));
  await handler.reached(1);
  handler.answer(0);
  await handler.reached(2);
  assert.equal(completing, 1);
  handler.answer(1);
  gate.resolve();
  await stage.take("infer", 2);
  await until(() => sidecar.stats().succeeded === 2, "both");
});

Deno.test("startSidecar() runs no more calls than ASYA_CONCURRENCY and the handler allow", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet(8);
  const sidecar = stage.start({ handler, env: { ASYA_CONCURRENCY: "2" } });
  await stage.send("prep", ...[1, 2, 3, 4].map((n) => envelope(n, { id: `e-${n}` })));
  await handler.reached(2);
  await until(() => sidecar.stats().unsettled === 3, "one more in hand than can run");
  assert.equal(sidecar.stats().inFlight, 2);
  handler.answer(1); // the first one is slow and blocks nobody
  await handler.reached(3);
  handler.answer(2);
  await handler.reached(4);
  assert.deepEqual((await stage.take("infer", 2)).map(({ json }) => json.id), ["e-2", "e-3"]);
  handler.answer(0);
  handler.answer(3);
  await stage.take("infer", 2);
});

Deno.test("startSidecar() wraps what it cannot read for error-end, with its bytes", async () => {
  await using stage = await Stage.open();
  stage.start();
  await stage.send("prep", '{"id":', "[]", '{"id":7,"payload":1}');
  const [cut, array, object] = await stage.take("error-end", 3);
  assert.match(cut!.json.id, /^bad-[0-9a-f]{32}$/);
  assert.equal(cut!.json.payload.error, "msg_parsing_error");
  assert.equal(atob(cut!.json.payload.details.body_base64), '{"id":');
  assert.equal(atob(array!.json.payload.details.body_base64), "[]");
  assert.deepEqual(object!.json.payload.original_payload, { id: 7, payload: 1 });
  await stage.untilEmpty("prep");
});

Deno.test("startSidecar() dead-letters an unreadable body that is too large to wrap", async () => {
  await using stage = await Stage.open();
  const sidecar = stage.start();
  const body = "x".repeat(100_000);
  await stage.send("prep", body);
  const letters = stage.transport.queue("prep").deadLetters("prep");
  await until(async () => (await letters.list(1)).length === 1, "the dead letter");
  const [letter] = await letters.list(1);
  assert.equal(new TextDecoder().decode(letter!.body), body);
  assert.match(letter!.reason, /^msg_parsing_error: /);
  await until(() => sidecar.stats().failed === 1, "the count");
});

Deno.test("startSidecar() tries again as the policy says, and keeps count in the envelope", async () => {
  await using stage = await Stage.open();
  const attempts: number[] = [];
  const policy = { maxAttempts: 3, backoff: "constant", initialDelay: "10ms", jitter: false };
  const sidecar = stage.start({
    env: { ASYA_RESILIENCY_POLICIES: JSON.stringify({ default: policy }) },
    handler: ({ attempt }) => {
      attempts.push(attempt);
      const failure = { code: "processing_error", message: "no", type: "my.Error" };
      return Promise.reject(new HandlerError(failure));
    },
  });
  await stage.send("prep", envelope(1));
  const { json } = await stage.takeOne("error-end");
  assert.deepEqual(attempts, [1, 2, 3]);
  assert.equal(json.payload.error, "processing_error");
  assert.equal(json.status, undefined);
  assert.equal(json.payload.original_payload, 1);
  await until(() => sidecar.stats().failed === 1, "the count");
  assert.equal(sidecar.stats().retried, 2);
});

Deno.test("startSidecar() forwards a finished envelope once the missing queue exists", async () => {
  await using stage = await Stage.open({ missing: ["infer"] });
  let calls = 0;
  stage.start({
    env: { ASYA_QUEUE_RETRY_BACKOFF: "10ms" },
    handler: (call, sink) => (calls++, answer('"done"')(call, sink)),
  });
  await stage.send("prep", envelope(1));
  await until(() => stage.lines.some((l) => l.misses >= 2), "a second look");
  await stage.declare("infer");
  const { json } = await stage.takeOne("infer");
  assert.equal(json.payload, "done");
  assert.equal(json.route.current, 1);
  assert.equal(json.status, undefined);
  assert.equal(json.headers["x-asya-forward"], undefined);
  assert.equal(calls, 1);
});

Deno.test("startSidecar() gives up on a queue that stays missing with route_error", async () => {
  await using stage = await Stage.open({ missing: ["infer"] });
  let calls = 0;
  stage.start({
    env: { ASYA_QUEUE_RETRY_BACKOFF: "1ms", ASYA_QUEUE_RETRY_MAX_ATTEMPTS: "3" },
    handler: (call, sink) => (calls++, answer('"done"')(call, sink)),
  });
  await stage.send("prep", envelope(1));
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.payload.error, "route_error");
  assert.match(json.payload.details.message, /"infer" has no queue \(looked 3 times\)/);
  assert.equal(json.payload.original_payload, "done");
  assert.equal(json.route.current, 1);
  assert.equal(json.headers["x-asya-forward"], undefined);
  assert.equal(calls, 1);
  await stage.untilEmpty("prep");
});

Deno.test("startSidecar() sends the siblings of a frame that cannot be sent", async () => {
  await using stage = await Stage.open({ missing: ["post"] });
  stage.start({
    env: { ASYA_QUEUE_RETRY_MAX_ATTEMPTS: "1" },
    handler: () =>
      Promise.resolve({
        frames: ["infer", "post", "infer"].map((next, n) => ({
          payload: bytes(String(n)),
          route: JSON.stringify({ actors: ["prep", next], current: 1 }),
        })),
      }),
  });
  await stage.send("prep", envelope(0));
  assert.deepEqual((await stage.take("infer", 2)).map(({ json }) => json.id), ["e-1", "e-1-2"]);
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.id, "e-1-1");
  assert.equal(json.payload.error, "route_error");
  await stage.untilEmpty("prep");
});

Deno.test("startSidecar() keeps its input and is not ready while error-end has no queue", async () => {
  await using stage = await Stage.open({ missing: ["error-end"] });
  const sidecar = stage.start();
  await stage.send("prep", envelope(1, { route: { actors: ["other"] } }));
  await until(() => !sidecar.stats().ready && sidecar.stats().received === 1, "trouble");
  assert.match(sidecar.stats().trouble!, /error-end.*has no queue/);
  assert.equal(await stage.count("prep"), 1);
  await stage.declare("error-end");
  assert.equal((await stage.takeOne("error-end")).json.payload.error, "route_error");
  await until(() => sidecar.stats().ready, "to be ready again");
});

Deno.test("startSidecar() makes resource_limit of an answer that is too large", async () => {
  await using stage = await Stage.open({ maxMessageBytes: 2_000 });
  stage.start({ handler: answer(`"${"x".repeat(3_000)}"`) });
  await stage.send("prep", envelope("small"));
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.payload.error, "resource_limit");
  assert.equal(json.payload.original_payload, "small");
  assert.equal(json.route.current, 0);
  await stage.untilEmpty("prep");
});

Deno.test("startSidecar() cuts an error that is too large and keeps the body as a dead letter", async () => {
  await using stage = await Stage.open({ maxMessageBytes: 2_000 });
  const text = envelope("x".repeat(1_880), { route: { actors: ["other"] } });
  stage.start();
  await stage.send("prep", text);
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.payload.error, "route_error");
  assert.equal(json.payload.original_payload.bytes, 1_882);
  const letters = stage.transport.queue("prep").deadLetters("prep");
  await until(async () => (await letters.list(1)).length === 1, "the dead letter");
  assert.equal(new TextDecoder().decode((await letters.list(1))[0]!.body), text);
  assert.equal(await stage.count("prep"), 0);
});

Deno.test("startSidecar() delivers again what was in flight when the handler died, uncounted, one by one", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet(2);
  const sidecar = stage.start({ handler, env: { ASYA_CONCURRENCY: "2" } });
  await stage.send("prep", ...[1, 2, 3].map((n) => envelope(n, { id: `e-${n}` })));
  await handler.reached(2);
  handler.leave();
  handler.calls[0]!.end.reject(new HandlerGone("killed"));
  handler.calls[1]!.end.reject(new HandlerGone("killed"));
  await until(() => sidecar.stats().unsettled === 0, "everything released");
  assert.equal(sidecar.stats().ready, false);
  assert.equal(sidecar.stats().released, 3);
  handler.comeBack();
  await handler.reached(3);
  assert.deepEqual(handler.ids().slice(2), ["e-1"]);
  assert.equal(sidecar.stats().inFlight, 1); // although two could run
  handler.answer(2);
  await handler.reached(4);
  assert.equal(handler.calls[3]!.call.envelope.id, "e-2");
  assert.equal(sidecar.stats().inFlight, 1);
  handler.answer(3);
  await handler.reached(5);
  handler.answer(4);
  const out = await stage.take("infer", 3);
  assert.deepEqual(out.map(({ json }) => json.id).sort(), ["e-1", "e-2", "e-3"]);
  assert.ok(handler.calls.every(({ call }) => call.attempt === 1));
});

Deno.test("startSidecar() sends the envelope that kills its handler to error-end, the others pass", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet(2);
  const original = handler.handle.bind(handler);
  handler.handle = (call, sink) => {
    const answered = original(call, sink);
    const { id } = call.envelope;
    const index = handler.calls.length - 1;
    if (id !== "killer") handler.answer(index);
    else handler.calls[index]!.end.reject(new HandlerGone("exit code 139"));
    return answered;
  };
  stage.start({
    handler,
    env: {
      ASYA_CONCURRENCY: "2",
      ASYA_RESILIENCY_POLICIES: '{"c":{"maxAttempts":3,"initialDelay":"1ms"}}',
      ASYA_RESILIENCY_RULES: '[{"errors":["connection_error"],"policy":"c"}]',
    },
  });
  await stage.send("prep", envelope(0, { id: "killer" }));
  await stage.send("prep", ...[1, 2, 3].map((n) => envelope(n, { id: `e-${n}` })));
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.id, "killer");
  assert.equal(json.payload.error, "connection_error");
  assert.match(json.payload.details.message, /attempt 3: exit code 139/);
  await stage.take("infer", 3);
  await stage.untilEmpty("prep");
});

Deno.test("startSidecar() handles alone what the broker redelivers for the third time", async () => {
  await using stage = await Stage.open();
  await stage.send("prep", envelope(1), envelope(2, { id: "e-2" }));
  const queue = stage.transport.queue("prep");
  const releaseFirst = async () => {
    let prefetch = 1;
    const signal = AbortSignal.timeout(5_000);
    for await (const delivery of queue.receive({ prefetch: () => prefetch, signal })) {
      prefetch = 0; // it is not to come back here at once
      await delivery.release();
      break;
    }
  };
  for (let n = 0; n < 3; n++) await releaseFirst();
  const handler = new Puppet(2);
  const sidecar = stage.start({ handler, env: { ASYA_CONCURRENCY: "2" } });
  await handler.reached(1);
  await until(() => sidecar.stats().unsettled === 2, "both in hand");
  assert.deepEqual(handler.ids(), ["e-1"]);
  handler.answer(0);
  await handler.reached(2);
  handler.answer(1);
  await stage.take("infer", 2);
  await sidecar.drain();

  await stage.send("prep", envelope(1), envelope(2, { id: "e-2" }));
  for (let n = 0; n < 2; n++) await releaseFirst();
  const pair = new Puppet(2);
  stage.start({ handler: pair, env: { ASYA_CONCURRENCY: "2" } });
  await pair.reached(2); // the second redelivery is nothing special
  pair.answer(0);
  pair.answer(1);
  await stage.take("infer", 2);
});

Deno.test("startSidecar() does not count a handler that was away before it began", async () => {
  await using stage = await Stage.open();
  let refused = 0;
  stage.start({
    handler: {
      concurrency: 1,
      ready: () => Promise.resolve(),
      handle: ({ envelope, attempt }, sink) => {
        assert.equal(attempt, 1);
        if (refused++ < 5) return Promise.reject(new HandlerGone("connection refused"));
        sink.started();
        return Promise.resolve({ frames: [{ payload: envelope.payload }] });
      },
      close: () => Promise.resolve(),
    },
  });
  await stage.send("prep", envelope(1));
  assert.equal((await stage.takeOne("infer")).json.status, undefined);
});

Deno.test("startSidecar() settles a timed-out envelope, and pulls again when the handler is back", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet();
  const sidecar = stage.start({ handler });
  await stage.send("prep", envelope(1), envelope(2, { id: "e-2" }));
  await handler.reached(1);
  handler.leave();
  handler.calls[0]!.end.reject(new HandlerTimeout("longer than 1 ms", false));
  const { json } = await stage.takeOne("error-end");
  assert.equal(json.payload.error, "timeout_error");
  await until(() => sidecar.stats().unsettled === 0, "the other one released");
  assert.equal(handler.calls.length, 1);
  handler.comeBack();
  await handler.reached(2);
  handler.answer(1);
  await stage.take("infer", 1);
});

Deno.test("startSidecar() goes on at once after a time-out that the handler survived", async () => {
  await using stage = await Stage.open();
  const hang = () => new Promise<never>(() => undefined);
  const sidecar = stage.start({
    env: { ASYA_RUNTIME_TIMEOUT: "20ms" },
    handler: (call, sink) => call.envelope.id === "slow" ? hang() : answer()(call, sink),
  });
  await stage.send("prep", envelope(1, { id: "slow" }), envelope(2));
  assert.equal((await stage.takeOne("error-end")).json.id, "slow");
  await stage.take("infer", 1);
  assert.equal(sidecar.stats().released, 0);
});

Deno.test("startSidecar() refuses an envelope past its deadline without calling the handler", async () => {
  await using stage = await Stage.open();
  stage.start({ handler: () => Promise.reject(new Error("called")) });
  await stage.send("prep", envelope(1, { deadline: "2020-01-01T00:00:00Z" }));
  assert.equal((await stage.takeOne("error-end")).json.payload.error, "deadline_exceeded");
});

Deno.test("startSidecar() limits a call to the time that is left", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet();
  stage.start({ handler });
  await stage.send("prep", envelope(1, { deadline: new Date(Date.now() + 30_000).toISOString() }));
  await handler.reached(1);
  assert.ok(handler.calls[0]!.call.limitMs <= 30_000);
  handler.answer(0);
  await stage.take("infer", 1);
});

Deno.test("Sidecar.drain() finishes what runs and gives back what waits", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet();
  const sidecar = stage.start({ handler });
  await stage.send("prep", envelope(1), envelope(2, { id: "e-2" }));
  await handler.reached(1);
  await until(() => sidecar.stats().unsettled === 2, "both in hand");
  const drained = sidecar.drain(10_000);
  await until(() => sidecar.stats().unsettled === 1, "the waiting one released");
  assert.equal(sidecar.stats().trouble, "draining");
  handler.answer(0);
  await drained;
  await stage.take("infer", 1);
  assert.deepEqual((await stage.take("prep", 1)).map(({ json }) => json.id), ["e-2"]);
});

Deno.test("Sidecar.drain() returns a call that outlasts the grace to the queue, counted as an attempt", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet();
  const sidecar = stage.start({ handler });
  await stage.send("prep", envelope(1));
  await handler.reached(1);
  await sidecar.drain(10);
  assert.equal(handler.calls[0]!.call.signal.aborted, true);
  const { id, status } = (await stage.takeOne("prep")).json;
  assert.deepEqual([id, status.attempt], ["e-1", 2]);
  assert.match(stage.lines.find(({ level }) => level === "warn").reason, /ASYA_SHUTDOWN_GRACE/);
  handler.answer(0); // too late: nothing follows from it
  assert.equal(await stage.count("infer"), 0);
});

Deno.test("Sidecar.drain() ends a sidecar whose handler never came", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet();
  handler.leave();
  const sidecar = stage.start({ handler });
  await stage.send("prep", envelope(1));
  assert.equal(sidecar.stats().ready, false);
  await sidecar.drain(1_000);
  assert.equal(await stage.count("prep"), 1);
});

Deno.test("startSidecar() waits for its own queue", async () => {
  await using stage = await Stage.open({ missing: ["prep"] });
  const sidecar = stage.start();
  await until(() => sidecar.stats().trouble?.includes('"prep" has no queue') ?? false, "trouble");
  await stage.declare("prep");
  await until(() => sidecar.stats().ready, "to be ready before anything comes");
  await stage.send("prep", envelope(1));
  await stage.take("infer", 1);
  assert.equal(sidecar.stats().ready, true);
});

Deno.test("Sidecar.done rejects when the handler can never be ready", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet();
  handler.ready = () => Promise.reject(new Error("no such module"));
  const sidecar = stage.start({ handler });
  await assert.rejects(sidecar.done, /no such module/);
  assert.match(sidecar.stats().trouble!, /no such module/);
});

Deno.test("Sidecar.done rejects when the handler is not ready in time", async () => {
  await using stage = await Stage.open();
  const handler = new Puppet();
  handler.leave();
  const sidecar = stage.start({ handler, env: { ASYA_RUNTIME_READY_TIMEOUT: "20ms" } });
  await assert.rejects(sidecar.done, /not ready within 20ms .*ASYA_RUNTIME_READY_TIMEOUT/);
});

Deno.test("Sidecar.metricsText() counts under the names of the contract", async () => {
  await using stage = await Stage.open();
  const sidecar = stage.start({
    env: { ASYA_CUSTOM_METRICS: '[{"name":"tokens_total","type":"counter","labels":["model"]}]' },
    handler: (call, sink) =>
      answer()(call, sink).then((a) => ({
        ...a,
        metrics: [{ name: "tokens_total", value: 7, labels: { model: "m" } }],
      })),
  });
  await stage.send("prep", envelope(1), "[]");
  await stage.take("infer", 1);
  await stage.take("error-end", 1);
  await until(() => sidecar.stats().unsettled === 0, "both settled");
  const text = await sidecar.metricsText();
  for (
    const line of [
      'asya_actor_messages_received_total{queue="prep",transport="sqlite"} 2',
      'asya_actor_messages_processed_total{queue="prep",status="success"} 1',
      'asya_actor_messages_processed_total{queue="prep",status="error"} 1',
      'asya_actor_messages_sent_total{destination_queue="infer",message_type="routing"} 1',
      'asya_actor_messages_sent_total{destination_queue="error-end",message_type="error_end"} 1',
      'asya_actor_messages_failed_total{queue="prep",reason="parse_error"} 1',
      'asya_actor_runtime_execution_duration_seconds_count{queue="prep"} 1',
      'asya_actor_tokens_total{model="m"} 7',
      "asya_actor_active_messages 0",
    ]
  ) assert.ok(text.includes(line + "\n"), `${line} in\n${text}`);
});

Deno.test("startSidecar() logs no payload", async () => {
  await using stage = await Stage.open();
  stage.start();
  await stage.send(
    "prep",
    envelope("secret-1"),
    envelope("secret-2", { route: { actors: ["x"] } }),
  );
  await stage.take("infer", 1);
  await stage.take("error-end", 1);
  await stage.untilEmpty("prep");
  const written = JSON.stringify(stage.lines);
  assert.ok(written.includes("route_error"));
  assert.ok(!written.includes("secret"));
});
