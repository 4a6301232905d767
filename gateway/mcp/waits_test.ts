import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { Hono } from "hono";
import { finished } from "../envelopes/final.ts";
import { ANYBODY, setCaller } from "../auth/caller.ts";
import { Publisher } from "../publisher.ts";
import { type Harness, startHarness, TOOLS, toolsFrom, until } from "../testing/harness.ts";
import { McpEndpoint } from "./mcp.ts";
import { readAnswer, rpcRequest } from "./testing.ts";

const CALLS = 1_000;
const CALL = { name: "pair", arguments: {}, _meta: { progressToken: "p" } };

/** The ids that somebody waits for. */
function watchedBy({ store }: Harness): Set<string> {
  const watched = new Set<string>();
  const { watch } = store;
  store.watch = (id, wake) => {
    const undo = watch.call(store, id, wake);
    watched.add(id);
    return () => {
      watched.delete(id);
      undo();
    };
  };
  return watched;
}

/** Responses of calls that all wait. */
async function startWaiting(
  harness: Harness,
  watched: Set<string>,
  revision: "2025-11-25" | "2026-07-28",
): Promise<Response[]> {
  const responses = await Promise.all(
    Array.from(
      { length: CALLS },
      async () => await harness.gateway.app.fetch(rpcRequest(revision, "tools/call", CALL)),
    ),
  );
  await until("all wait", () => watched.size === CALLS);
  return responses;
}

for (const revision of ["2025-11-25", "2026-07-28"] as const) {
  Deno.test(`McpEndpoint lets 1,000 calls of ${revision} wait, and gives each its own result`, async () => {
    await using harness = await startHarness();
    const watched = watchedBy(harness);
    const responses = await startWaiting(harness, watched, revision);
    const answers = responses.map(readAnswer);
    for (const id of [...watched]) {
      const report = { status: "succeeded", result: JSON.stringify({ id }) } as const;
      await harness.store.change(id, (record) => finished(record, report, Date.now()));
    }
    const ids = new Set<string>();
    for (const { result } of await Promise.all(answers)) {
      assert.equal(result.structuredContent.id, result._meta.envelope_id);
      ids.add(result.structuredContent.id);
    }
    assert.equal(ids.size, CALLS);
    assert.equal(watched.size, 0);
  });

  Deno.test(`McpEndpoint forgets 1,000 clients of ${revision} that leave while they wait`, async () => {
    await using harness = await startHarness();
    const watched = watchedBy(harness);
    const responses = await startWaiting(harness, watched, revision);
    const ids = [...watched];
    await Promise.all(responses.map((response) => response.body!.cancel()));
    await until("nobody waits", () => watched.size === 0);
    for (const id of ids.slice(0, 10)) {
      assert.notEqual((await harness.store.head(id))?.state, "cancelled");
    }
  });

  Deno.test(`McpEndpoint.close() answers 1,000 waiting calls of ${revision}`, async () => {
    await using harness = await startHarness();
    const watched = watchedBy(harness);
    const responses = await startWaiting(harness, watched, revision);
    const answers = Promise.all(responses.map(readAnswer));
    await harness.gateway.close();
    for (const { result } of await answers) {
      assert.ok(JSON.parse(result.content[0].text).envelope_id);
    }
    assert.equal(watched.size, 0);
  });
}

Deno.test("McpEndpoint.close() ends the streams of those who listen, and waits for none", async () => {
  await using harness = await startHarness();
  const listen = { notifications: { toolsListChanged: true } };
  const request = rpcRequest("2026-07-28", "subscriptions/listen", listen);
  const response = await harness.gateway.app.fetch(request);
  const reader = response.body!.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  assert.match(first, /notifications\/subscriptions\/acknowledged/);
  const start = performance.now();
  await harness.gateway.close(); // nobody reads: it would wait for the whole grace of five seconds
  assert.ok(performance.now() - start < 4_000);
  while (!(await reader.read()).done);
});

Deno.test("McpEndpoint refuses more requests than may wait, until one of them has ended", async () => {
  await using harness = await startHarness();
  const { store } = harness;
  const log = createLogger({ level: "error" });
  const now = Date.now;
  const publisher = new Publisher({
    store,
    publish: () => Promise.resolve([{ ok: true }]),
    log,
    now,
  });
  const tools = await toolsFrom(TOOLS);
  const stopping = new AbortController();
  const options = { store, publisher, tools: () => tools, now, log, stopping: stopping.signal };
  const endpoint = new McpEndpoint(options, 1);
  const app = new Hono();
  app.use(async (c, next) => {
    setCaller(c.req.raw, ANYBODY);
    await next();
  });
  endpoint.addTo(app);
  const call = async () => await app.fetch(rpcRequest("2026-07-28", "tools/call", CALL));
  const waiting = await call();
  const refused = await call();
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await readAnswer(refused)).error?.code, -32000);
  await waiting.body!.cancel();
  const served = await call();
  assert.equal(served.status, 200);
  await served.body!.cancel();
  stopping.abort();
  await endpoint.close();
  await publisher.idle();
});
