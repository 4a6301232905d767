import assert from "node:assert/strict";
import { runTogether, TimeLimitExceeded, withTimeLimit } from "./time_limit.ts";

function spinFor(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

Deno.test("withTimeLimit() interrupts at its limit, and gives back what is over before", () => {
  assert.equal(withTimeLimit(1_000, () => 7), 7);
  const began = performance.now();
  assert.throws(() => withTimeLimit(50, () => spinFor(60_000)), TimeLimitExceeded);
  const ms = performance.now() - began;
  assert(ms >= 50 && ms < 5_000, `${ms} ms`);
  assert.throws(() => withTimeLimit(50, () => assert.fail("its own")), { message: "its own" });
});

Deno.test("runTogether() runs steps until one says no, or time has passed", () => {
  let steps = 0;
  // On a busy machine the first step may take as long as all together may.
  for (let tries = 0; tries < 50 && steps < 3; tries++) {
    steps = 0;
    runTogether(1_000, () => ++steps < 3);
  }
  assert.equal(steps, 3);
  steps = 0;
  runTogether(1_000, () => {
    steps++;
    spinFor(5);
    return true;
  });
  assert.equal(steps, 1, "no step begins after 2 ms");
});

Deno.test("runTogether() gives each step all of its limit, under one watchdog", () => {
  const limitMs = 200;
  let steps = 0;
  // On a busy machine the second step may come too late to begin.
  for (let tries = 0; tries < 50 && steps < 2; tries++) {
    steps = 0;
    runTogether(limitMs, () => {
      withTimeLimit(limitMs, () => spinFor(++steps === 1 ? 1 : 190)); // nearly all that it may
      return steps < 2;
    });
  }
  assert.equal(steps, 2);
});

Deno.test("runTogether() interrupts a step that spins, and runs nothing after it", () => {
  let steps = 0;
  let began = 0;
  const run = () =>
    runTogether(50, () => {
      steps++;
      began = performance.now();
      withTimeLimit(50, () => spinFor(steps === 2 ? 60_000 : 0));
      return true;
    });
  assert.throws(() => {
    // Where the machine is slow a first step may take the time of all of them.
    for (let tries = 0; tries < 100; tries++, steps = 0) run();
  }, { name: "TimeLimitExceeded", message: "interrupted after 50 ms" });
  assert.equal(steps, 2);
  assert(performance.now() - began < 5_000);
  assert.equal(withTimeLimit(1_000, () => "fine"), "fine", "the next one is not bound by it");
});

Deno.test("withTimeLimit() inside of runTogether() keeps a lower limit of its own", () => {
  assert.throws(() =>
    runTogether(10_000, () => {
      withTimeLimit(20, () => spinFor(60_000));
      return false;
    }), { message: "interrupted after 20 ms" });
});

Deno.test("withTimeLimit() meets its watchdog nowhere but inside", async () => {
  let [interrupted, passed] = [0, 0];
  for (let n = 0; n < 24; n++) {
    const ms = 228 + 2 * n; // the watchdog strikes at 251 ms
    try {
      withTimeLimit(1, () => spinFor(ms));
      passed++;
    } catch (error) {
      assert(error instanceof TimeLimitExceeded);
      interrupted++;
    }
    await Promise.resolve(); // where it would strike
  }
  assert(interrupted > 0 && interrupted + passed === 24, `${interrupted} and ${passed}`);
});
