import assert from "node:assert/strict";
import { DELAY_LEVELS, delayLevel } from "./delays.ts";
import { LONGEST_DELAY_MS } from "./limits.ts";

Deno.test("delayLevel() is never early, and late by a tenth or 250 ms at most", () => {
  for (let ms = 1; ms < LONGEST_DELAY_MS; ms = Math.ceil(ms * 1.001)) {
    const late = delayLevel(ms) - ms;
    assert.ok(late >= 0 && late <= Math.max(250, ms / 10), `${ms} ms are late by ${late} ms`);
  }
});

Deno.test("delayLevel() knows a bounded number of levels, and none beyond a day", () => {
  assert.ok(DELAY_LEVELS <= 125, `${DELAY_LEVELS}`);
  assert.equal(delayLevel(10 * LONGEST_DELAY_MS), LONGEST_DELAY_MS);
});
