import assert from "node:assert/strict";
import { BlockingHost, type HostMessage } from "./blocking_host.ts";
import { MAX_HOST_CALLS, MAX_METRICS, MAX_PARTIALS } from "./call_budget.ts";
import { HostMemory, newHostMemory } from "./host_memory.ts";
import { Bridge } from "./testdata/host_bridge.ts";
import { until } from "./testdata/host_soon.ts";

/** One whose messages are kept. */
function silentHost(): { host: BlockingHost; messages: HostMessage[] } {
  const messages: HostMessage[] = [];
  const host = new BlockingHost(newHostMemory(0), (message, transfer) => {
    messages.push(structuredClone(message, { transfer }));
  });
  host.begin(7);
  return { host, messages };
}

Deno.test("BlockingHost.partial() posts a copy of just those bytes", () => {
  const { host, messages } = silentHost();
  const memory = new Uint8Array(65_536).fill(1);
  host.partial(memory.subarray(10, 13));
  memory.fill(2);
  const message = messages[0]!;
  assert.ok(message.ask === "partial");
  assert.deepEqual(message, {
    kind: "host",
    call: 7,
    ask: "partial",
    body: new Uint8Array([1, 1, 1]),
  });
  assert.equal(message.body.buffer.byteLength, 3);
});

Deno.test("BlockingHost.partial() bounds how many there are and how large, for each call anew", () => {
  const { host, messages } = silentHost();
  for (let i = 0; i < MAX_PARTIALS; i++) host.partial(new Uint8Array(1));
  assert.throws(() => host.partial(new Uint8Array(1)), {
    code: "host_limit",
    message: /1000 partial/,
  });
  assert.equal(messages.length, MAX_PARTIALS);
  host.begin(8);
  const quarter = new Uint8Array(4 * 1024 * 1024);
  for (let i = 0; i < 4; i++) host.partial(quarter);
  assert.throws(() => host.partial(new Uint8Array(1)), {
    code: "host_limit",
    message: /16777216 bytes/,
  });
});

Deno.test("BlockingHost.metric() collects what one call measured, within bounds", () => {
  const { host } = silentHost();
  host.metric("lost", 1, {});
  host.begin(8);
  const labels = { colour: "red" };
  host.metric("size", 1.5, labels);
  labels.colour = "blue";
  assert.deepEqual(host.takeMetrics(), [{ name: "size", value: 1.5, labels: { colour: "red" } }]);
  assert.deepEqual(host.takeMetrics(), []);
  for (const value of [NaN, Infinity]) {
    assert.throws(() => host.metric("size", value, {}), { code: "guest_error", message: /finite/ });
  }
  const long = "x".repeat(257);
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, ""]));
  assert.throws(() => host.metric(long, 1, {}), { code: "host_limit" });
  for (const labels of [{ [long]: "" }, { a: long }, many]) {
    assert.throws(() => host.metric("size", 1, labels), {
      code: "host_limit",
      message: /16 labels/,
    });
  }
  host.begin(9);
  for (let i = 0; i < MAX_METRICS; i++) host.metric("size", i, {});
  assert.throws(() => host.metric("size", 1, {}), { code: "host_limit", message: /100 metrics/ });
  assert.equal(host.takeMetrics().length, MAX_METRICS);
});

Deno.test("BlockingHost bounds host calls of all kinds together", async () => {
  using bridge = new Bridge();
  const memory = new HostMemory(bridge.shared);
  let answered = 0;
  bridge.onMessage = (message) => {
    if (message.ask === "partial") return;
    answered++;
    memory.answer(message.seq, {});
  };
  const steps = Array.from(
    { length: MAX_HOST_CALLS },
    (_, i) => i % 100 === 0 ? { partial: new Uint8Array() } : { get: "k" },
  );
  const outcome = await bridge.run([...steps, { get: "k" }], 60_000);
  assert.equal(outcome.error?.code, "host_limit");
  assert.match(outcome.error!.message, /ask its host 10000 times/);
  assert.equal(outcome.returned.length, MAX_HOST_CALLS);
  assert.equal(answered, MAX_HOST_CALLS * 0.99);
  assert.equal((await bridge.run([{ get: "k" }])).error, undefined, "the next call counts anew");
});

Deno.test("BlockingHost waits for its own answer while others of calls before it arrive", async () => {
  using bridge = new Bridge();
  const memory = new HostMemory(bridge.shared);
  const asked: number[] = [];
  bridge.onMessage = (message) => message.ask !== "partial" && asked.push(message.seq);
  const interrupted = await bridge.run([{ get: "a" }], 300);
  assert.equal(interrupted.error?.code, "timeout");
  const second = bridge.run([{ get: "b" }]);
  await until(() => asked.length === 2, "the second question");
  const late = new Uint8Array(1_000_000).fill(1);
  for (let i = 0; i < 100; i++) memory.answer(asked[0]!, { body: late });
  memory.answer(asked[1]!, { body: new Uint8Array([2]) });
  assert.deepEqual((await second).returned, [new Uint8Array([2])]);
});
