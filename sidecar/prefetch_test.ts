import assert from "node:assert/strict";
import { Prefetch } from "./prefetch.ts";

function observe(prefetch: Prefetch, ms: number, calls: number): number {
  for (let n = 0; n < calls; n++) prefetch.observe(ms);
  return prefetch.value;
}

Deno.test("Prefetch.value is one more than can run, and 10 and 100 only while calls are fast", () => {
  const prefetch = new Prefetch(() => 2);
  assert.equal(prefetch.value, 3);
  assert.equal(observe(prefetch, 1, 31), 3);
  assert.equal(observe(prefetch, 1, 1), 10);
  assert.equal(observe(prefetch, 1, 32), 100);
  assert.equal(observe(prefetch, 1, 320), 100);
  assert.equal(observe(prefetch, 10, 32), 3);
});

Deno.test("Prefetch.slow() begins anew, calls that were fast until then forgotten", () => {
  const prefetch = new Prefetch(() => 2);
  assert.equal(observe(prefetch, 1, 64 + 31), 100);
  prefetch.slow();
  assert.equal(prefetch.value, 3);
  assert.equal(observe(prefetch, 1, 31), 3);
  assert.equal(observe(prefetch, 1, 1), 10);
});

Deno.test("Prefetch.value goes by the median, and never below the concurrency", () => {
  const prefetch = new Prefetch(() => 20);
  observe(prefetch, 500, 15);
  assert.equal(observe(prefetch, 1, 17), 21);
  assert.equal(observe(prefetch, 1, 32), 100);
});
