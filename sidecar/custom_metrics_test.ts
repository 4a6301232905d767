import assert from "node:assert/strict";
import { Registry } from "prometheus";
import { CustomMetrics, headerMetrics, parseCustomMetrics } from "./custom_metrics.ts";

Deno.test("parseCustomMetrics() refuses what Prometheus would", () => {
  const rows: [unknown, RegExp][] = [
    [{}, /expected/],
    [[{ name: "a b", type: "counter" }], /0\.name is no metric name/],
    [[{ name: "a", type: "meter" }], /0\.type/],
    [[{ name: "a", type: "gauge" }, { name: "a", type: "counter" }], /a is declared twice/],
  ];
  for (const [json, problem] of rows) assert.throws(() => parseCustomMetrics(json), problem);
});

Deno.test("CustomMetrics.observe() records what is declared, and says when something is not", async () => {
  const registry = new Registry();
  const declared = parseCustomMetrics([
    { name: "tokens", type: "counter", labels: ["model"] },
    { name: "load", type: "gauge" },
    { name: "wait", type: "histogram", buckets: [1, 2] },
  ]);
  const metrics = new CustomMetrics(declared, "p", registry);
  assert.equal(
    metrics.observe([
      { name: "tokens", value: 2, labels: { model: "m", more: "x" } },
      { name: "tokens", value: -5, labels: { model: "m" } },
      { name: "load", value: 0.5 },
      { name: "wait", value: 1.5 },
    ]),
    true,
  );
  assert.equal(metrics.observe([{ name: "unknown", value: 1 }]), false);
  assert.equal(metrics.observe([{ name: "load", value: NaN }]), false);
  const text = await registry.metrics();
  assert.match(text, /p_tokens\{model="m"\} 2\n/);
  assert.match(text, /p_load 0.5\n/);
  assert.match(text, /p_wait_bucket\{le="2"\} 1\n/);
});

Deno.test("headerMetrics() takes a list or values by name, and ignores the rest", () => {
  assert.deepEqual(headerMetrics({ a: 1, b: "x" }), [{ name: "a", value: 1 }]);
  assert.deepEqual(
    headerMetrics([{ name: "a", value: 1, labels: { l: "m" } }, null, { name: 1 }]),
    [
      { name: "a", value: 1, labels: { l: "m" } },
    ],
  );
  assert.deepEqual(headerMetrics("x"), []);
});
