import assert from "node:assert/strict";
import { PluginError } from "../plugin.ts";
import { HostMemory, newHostMemory, refusal } from "./host_memory.ts";

Deno.test("HostMemory carries answers with and without a body, and errors", () => {
  const shared = newHostMemory(1_000);
  const worker = new HostMemory(shared);
  const main = new HostMemory(shared);
  const answered = (answer: Parameters<HostMemory["answer"]>[1]) => {
    const seq = worker.ask();
    main.answer(seq, answer);
    return worker.wait(seq);
  };
  const body = new Uint8Array([1, 2, 3]);
  assert.deepEqual(answered({ body }), { body });
  assert.deepEqual(answered({}), {});
  assert.deepEqual(answered({ body: new Uint8Array() }), { body: new Uint8Array() });
  const reply = { status: 200, headers: { "x-é": "ü" } };
  assert.deepEqual(answered({ reply, body }), { reply, body });
  const error = new PluginError("guest_error", "broken", { type: "HttpError" });
  assert.throws(() => answered(refusal(error)), {
    name: "PluginError",
    code: "guest_error",
    message: "broken",
    type: "HttpError",
  });
  assert.deepEqual(answered({ body }), { body }, "after an error too");
});

Deno.test("HostMemory grows with an answer as far as it may, and says when that is not enough", () => {
  const shared = newHostMemory(1_000_000);
  const first = shared.byteLength;
  const worker = new HostMemory(shared);
  const main = new HostMemory(shared);
  const body = crypto.getRandomValues(new Uint8Array(50_000));
  const large = new Uint8Array(1_000_000);
  large.set(body, large.length - body.length);
  main.answer(worker.ask(), { body: large });
  assert.ok(first < 100_000 && shared.byteLength > 1_000_000);
  assert.deepEqual(worker.wait(1).body, large);
  main.answer(worker.ask(), { body: new Uint8Array(2_000_000) });
  assert.throws(() => worker.wait(2), {
    code: "host_limit",
    message: /2000\d+ bytes is too large/,
  });
  main.answer(worker.ask(), refusal(new Error("x".repeat(1_000_000))));
  assert.throws(() => worker.wait(3), { code: "trap", message: /^Error: x{8000}/ });
});

Deno.test("HostMemory.ask() never gives a number twice, whoever asks, and goes on after the last", () => {
  const shared = newHostMemory(0);
  const main = new HostMemory(shared);
  assert.equal(new HostMemory(shared).ask(), 1);
  assert.equal(new HostMemory(shared).ask(), 2);
  new Int32Array(shared)[0] = 2 ** 31 - 1;
  const worker = new HostMemory(shared);
  const seq = worker.ask();
  assert.equal(seq, -(2 ** 31));
  main.answer(seq, {});
  assert.deepEqual(worker.wait(seq), {});
});
