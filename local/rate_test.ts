import assert from "node:assert/strict";
import { Rate } from "./rate.ts";

Deno.test("Rate tells the speed of the last seconds, not of all time", () => {
  const rate = new Rate();
  assert.equal(rate.of(0, 0), 0);
  for (let at = 100; at <= 10_000; at += 100) rate.of(at / 10, at);
  assert.equal(Math.round(rate.of(1_000, 10_000)), 100);
  assert.equal(rate.of(1_000, 20_000), 0);
});
