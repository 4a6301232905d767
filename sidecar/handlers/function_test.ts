import assert from "node:assert/strict";
import { functionHandler } from "./function.ts";
import { HandlerError, HandlerGone, HandlerTimeout } from "./handler.ts";
import { call, Sink } from "./socket/fake_runtime.ts";

const never = new Promise<never>(() => {});

Deno.test("functionHandler() calls the function and passes on its answer", async () => {
  const handler = functionHandler(2, ({ envelope, attempt }, sink) => {
    sink.partial(0, envelope.payload);
    return Promise.resolve({
      frames: [{ payload: envelope.payload }, { payload: envelope.payload }],
    })
      .then((answer) => attempt === 5 ? answer : Promise.reject(new Error("wrong attempt")));
  });
  await handler.ready(new AbortController().signal);
  const sink = new Sink();
  const answer = await handler.handle(call("7", { attempt: 5 }), sink);
  assert.equal(answer.frames.length, 2);
  assert.deepEqual([sink.starts, sink.partials, handler.concurrency], [1, [[0, "7"]], 2]);
  await handler.close();
});

Deno.test("functionHandler() turns what is thrown into a processing_error with its class", async () => {
  const handler = functionHandler(1, () => {
    throw new RangeError("too far");
  });
  await assert.rejects(handler.handle(call(), new Sink()), (e) => {
    assert.ok(e instanceof HandlerError);
    assert.equal(e.failure.code, "processing_error");
    assert.equal(e.failure.message, "too far");
    assert.equal(e.failure.type, "RangeError");
    assert.match(e.failure.traceback!, /function_test/);
    return true;
  });
  await handler.close();
});

Deno.test("functionHandler() passes a handler's own errors through", async () => {
  const gone = new HandlerGone("store is away");
  const handler = functionHandler(1, () => Promise.reject(gone));
  await assert.rejects(handler.handle(call(), new Sink()), gone);
  await handler.close();
});

Deno.test("functionHandler() ends a call at its limit and tells the function", async () => {
  let told: AbortSignal | undefined;
  const handler = functionHandler(1, ({ signal }) => {
    told = signal;
    return never;
  });
  const slow = handler.handle(call("1", { limitMs: 10 }), new Sink());
  await assert.rejects(slow, (e) => e instanceof HandlerTimeout && e.interrupted);
  assert.equal(told!.aborted, true);
  await handler.close();
});

Deno.test("functionHandler() ends a cancelled call", async () => {
  const handler = functionHandler(1, () => never);
  const stop = new AbortController();
  const one = handler.handle(call("1", { signal: stop.signal }), new Sink());
  stop.abort("not wanted");
  await assert.rejects(
    one,
    (e) =>
      e instanceof HandlerError && e.failure.code === "cancelled" &&
      e.failure.message.includes("not wanted"),
  );
  await handler.close();
});

Deno.test("functionHandler() takes no calls after close", async () => {
  const handler = functionHandler(1, () => Promise.resolve({ frames: [] }));
  await handler.close();
  await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
  await assert.rejects(handler.ready(new AbortController().signal), HandlerGone);
});
