import assert from "node:assert/strict";
import { TransportUnavailable } from "@asya/transport";
import { startHarness, until } from "./testing/harness.ts";

Deno.test("GET /health/ready says what it is made of; broken tools do not make it unready", async () => {
  let problems: string[] = [];
  await using harness = await startHarness({ toolProblems: () => problems });
  const ready = async () => {
    const response = await harness.request("GET", "/health/ready");
    return [response.status, await response.json()];
  };
  const good = { ready: true, store: "ok", publisher: { waiting: 0, full: false } };
  assert.deepEqual(await ready(), [200, { ...good, tools: { count: 3, problems } }]);
  problems = ["tools.yaml:1:1: no"];
  assert.deepEqual(await ready(), [200, { ...good, tools: { count: 3, problems } }]);
});

Deno.test("GET /health/ready is 503 while the store is away, and /health/live is not", async () => {
  await using harness = await startHarness();
  await harness.store.close();
  const response = await harness.request("GET", "/health/ready");
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "1");
  assert.equal((await response.json()).store, "away");
  assert.equal(await (await harness.request("GET", "/health/live")).text(), "OK\n");
});

Deno.test("GET /health/ready is 503 while more waits to be published than a gateway takes", async () => {
  const broker = Promise.withResolvers<void>();
  await using harness = await startHarness({
    publish: async (out) => {
      await broker.promise;
      return out.map(() => ({ ok: false, error: new TransportUnavailable("no broker") }));
    },
  });
  const ready = async () => {
    const response = await harness.request("GET", "/health/ready");
    await response.body?.cancel();
    return response.status;
  };
  const call = () =>
    harness.request("POST", "/tools/call", { name: "echo", arguments: { text: "a" } });
  for (let n = 0; n < 11; n++) await Promise.all(Array.from({ length: 100 }, call));
  assert.equal(await ready(), 503);
  broker.resolve();
  await until("it is ready again", async () => await ready() === 200);
});
