import assert from "node:assert/strict";
import { traceOf } from "./trace.ts";

const ID = "0af7651916cd43dd8448eb211c80319c";
const GOOD = `00-${ID}-b7ad6b7169203331-01`;

Deno.test("traceOf() goes on with the caller's trace", () => {
  const given = (headers: Record<string, string>) => traceOf(new Headers(headers));
  assert.deepEqual(given({ traceparent: GOOD }), { traceparent: GOOD });
  assert.deepEqual(given({ traceparent: GOOD, tracestate: "a=1" }), {
    traceparent: GOOD,
    tracestate: "a=1",
  });
  assert.deepEqual(given({ traceparent: GOOD, tracestate: "a".repeat(513) }), {
    traceparent: GOOD,
  });
  assert.deepEqual(given({ traceparent: `cc-${GOOD.slice(3)}-more` }), { traceparent: GOOD });
});

Deno.test("traceOf() begins a trace where there is none that is valid", () => {
  const bad = [
    "",
    "x",
    GOOD.toUpperCase(),
    `${GOOD}-more`,
    GOOD.slice(0, -1),
    `ff${GOOD.slice(2)}`,
    GOOD.replace(ID, "0".repeat(32)),
    GOOD.replace("b7ad6b7169203331", "0".repeat(16)),
  ];
  for (const traceparent of bad) {
    const trace = traceOf(
      new Headers({ traceparent, tracestate: "a=1" }),
      (bytes) => bytes.fill(7),
    );
    const made = `00-${"07".repeat(16)}-${"07".repeat(8)}-01`;
    assert.deepEqual(trace, { traceparent: made }, traceparent);
  }
  assert.notEqual(traceOf(new Headers()).traceparent, traceOf(new Headers()).traceparent);
});
