import assert from "node:assert/strict";
import { Prefetch } from "./prefetch.ts";

function observe(prefetch: Prefetch, ms: number, calls: number): number {
  for (let n = 0; n < calls; n++) prefetch.observe(ms);
  return prefetch.value;
}

Deno.test("Prefetch.value is one more than can run, and rises in steps only while calls are fast", () => {
  const prefetch = new Prefetch(() => 2);
  assert.equal(prefetch.value, 3);
  assert.equal(observe(prefetch, 1, 31), 3);
  assert.equal(observe(prefetch, 1, 1), 6);
  assert.equal(observe(prefetch, 1, 32), 10);
  assert.equal(observe(prefetch, 1, 32), 100);
  assert.equal(observe(prefetch, 1, 320), 100);
  assert.equal(observe(prefetch, 10, 32), 6);
  assert.equal(observe(prefetch, 99, 320), 6);
  assert.equal(observe(prefetch, 100, 32), 3);
});

Deno.test("Prefetch.slow() begins anew, calls that were fast until then forgotten", () => {
  const prefetch = new Prefetch(() => 2);
  assert.equal(observe(prefetch, 1, 96 + 31), 100);
  prefetch.slow();
  assert.equal(prefetch.value, 3);
  assert.equal(observe(prefetch, 1, 31), 3);
  assert.equal(observe(prefetch, 1, 1), 6);
});

Deno.test("Prefetch.value goes by the median, and never below the concurrency", () => {
  const prefetch = new Prefetch(() => 20);
  observe(prefetch, 500, 15);
  assert.equal(observe(prefetch, 1, 17), 42);
  assert.equal(observe(prefetch, 1, 32), 42);
  assert.equal(observe(prefetch, 1, 32), 100);
});

Deno.test("Prefetch.value is what it is fixed to", () => {
  const prefetch = new Prefetch(() => 20, 7);
  assert.equal(observe(prefetch, 1, 320), 7);
});
