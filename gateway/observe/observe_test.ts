import assert from "node:assert/strict";
import type { SendResult } from "@asya/transport";
import { GatewayMetrics } from "../metrics.ts";
import { startHarness, until } from "../testing/harness.ts";
import { metricsHandler } from "./server.ts";

/** The value of a sample, by the beginning of its line. */
function sample(text: string, start: string): number | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`asya_gateway_${start} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

Deno.test("GatewayMetrics count what a gateway does", async () => {
  await using harness = await startHarness({ metrics: new GatewayMetrics() });
  const { gateway } = harness;
  const id = await harness.call("echo", { text: "hi" });
  const stream = await harness.request("GET", `/envelopes/${id}/stream`);
  assert.equal(sample(await gateway.metricsText(), "streams"), 1);
  await harness.request("POST", `/envelopes/${id}/final`, { status: "succeeded", result: 1 });
  await stream.text();
  await harness.request("POST", `/envelopes/${id}/final`, { status: "failed" });
  await harness.request("GET", "/envelopes/unknown");
  await harness.request("GET", "/no/such/route");
  await harness.request("POST", "/tools/call", { name: "nothing" });
  await harness.request("POST", "/tools/call", { name: "echo", arguments: {} });
  await gateway.app.request("/tools", { headers: { host: "localhost" }, method: "BREW" });
  const text = await gateway.metricsText();
  const expected: Record<string, number> = {
    'calls_total{tool="echo",outcome="created"}': 1,
    'calls_total{tool="echo",outcome="refused"}': 1,
    'calls_total{tool="unknown",outcome="unknown_tool"}': 1,
    'envelopes_total{state="pending"}': 1,
    'envelopes_total{state="running"}': 1,
    'envelopes_total{state="succeeded"}': 1,
    'requests_total{route="/envelopes/:id",method="GET",status="404"}': 1,
    'requests_total{route="/envelopes/:id/final",method="POST",status="409"}': 1,
    'requests_total{route="/tools",method="other",status="405"}': 1,
    'requests_total{route="other",method="GET",status="404"}': 1,
    "streams": 0,
    "tools": 3,
    "tools_problems": 0,
    "publishing": 0,
    "outbox_envelopes": 0,
    "outbox_age_seconds": 0,
    'store_duration_seconds_count{operation="create"}': 1,
  };
  for (const [start, value] of Object.entries(expected)) {
    assert.equal(sample(text, start), value, `${start}\n${text}`);
  }
});

Deno.test("GatewayMetrics tell how long the outbox has waited", async () => {
  let now = 1_000_000;
  const stuck = Promise.withResolvers<SendResult[]>();
  await using harness = await startHarness({
    metrics: new GatewayMetrics(),
    now: () => now,
    publish: () => stuck.promise,
  });
  await harness.request("POST", "/tools/call", { name: "echo", arguments: { text: "x" } });
  now += 12_000;
  const text = await harness.gateway.metricsText();
  assert.equal(sample(text, "outbox_envelopes"), 1);
  assert.equal(sample(text, "outbox_age_seconds"), 12);
  stuck.resolve([{ ok: true }]);
});

Deno.test("each call leaves one line in the log: who, what, how it went, never what was given", async () => {
  await using harness = await startHarness();
  const id = await harness.call("echo", { text: "s3cret" });
  await harness.request("POST", "/tools/call", { name: "nothing" });
  await until(
    "both are told",
    () => harness.logged.filter((l) => l.includes('"call"')).length >= 2,
  );
  const lines = harness.logged.map((line) => JSON.parse(line)).filter((l) => l.message === "call");
  assert.deepEqual(
    lines.map(({ who, tool, envelope, outcome }) => [who, tool, envelope, outcome]),
    [["anybody", "echo", id, "created"], ["anybody", "nothing", undefined, "unknown tool"]],
  );
  assert.equal(typeof lines[0].ms, "number");
  assert.ok(!harness.logged.join().includes("s3cret"));
});

Deno.test("a call's envelope is in the caller's trace", async () => {
  await using harness = await startHarness();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await harness.gateway.app.request("/tools/call", {
    method: "POST",
    headers: { traceparent, tracestate: "a=1" },
    body: '{"name":"echo","arguments":{"text":"x"}}',
  });
  await until("sent", () => harness.sent.length === 1);
  const { headers } = JSON.parse(new TextDecoder().decode(harness.sent[0]!.body));
  assert.deepEqual(headers, { traceparent, tracestate: "a=1" });
});

Deno.test("metricsHandler() answers GET /metrics and nothing else", async () => {
  const ask = metricsHandler(() => Promise.resolve("x 1\n"));
  const get = await ask(new Request("http://h/metrics"));
  assert.deepEqual([get.status, await get.text()], [200, "x 1\n"]);
  assert.match(get.headers.get("content-type")!, /version=0\.0\.4/);
  assert.equal((await ask(new Request("http://h/envelopes"))).status, 404);
  assert.equal((await ask(new Request("http://h/metrics", { method: "POST" }))).status, 405);
});
