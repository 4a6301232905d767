import assert from "node:assert/strict";
import { Breaker, MAX_BREACHES } from "./breaker.ts";

const TIMEOUT = { code: "timeout", message: "interrupted after 20 ms" } as const;

function breach(breaker: Breaker, times: number): void {
  for (let n = 0; n < times; n++) breaker.failed(TIMEOUT);
}

Deno.test("Breaker opens after so many breaches in a row, and says the last one", () => {
  const breaker = new Breaker(() => 0);
  breach(breaker, MAX_BREACHES - 1);
  assert.equal(breaker.trouble, undefined);
  breach(breaker, 1);
  assert.match(breaker.trouble!, /^10 calls in a row .*timeout: interrupted after 20 ms$/);
});

Deno.test("Breaker begins to count anew after a call that passed, or failed by itself", () => {
  const breaker = new Breaker(() => 0);
  for (let n = 0; n < 5; n++) {
    breach(breaker, MAX_BREACHES - 1);
    if (n % 2) breaker.passed();
    else breaker.failed({ code: "guest_error", message: "no" });
  }
  assert.equal(breaker.trouble, undefined);
});

Deno.test("Breaker lets calls through after a pause, and waits longer when they fail too", () => {
  let now = 0;
  const breaker = new Breaker(() => now);
  breach(breaker, MAX_BREACHES);
  const pauses: number[] = [];
  for (let n = 0; n < 9; n++) {
    pauses.push(breaker.pauseMs);
    now += breaker.pauseMs;
    assert.equal(breaker.trouble, undefined);
    breach(breaker, 1);
  }
  assert.deepEqual(pauses.slice(0, 4), [5_000, 10_000, 20_000, 40_000]);
  assert.equal(pauses.at(-1), 300_000);
  now += breaker.pauseMs;
  breaker.passed();
  breach(breaker, MAX_BREACHES);
  assert.equal(breaker.pauseMs, 5_000);
});
