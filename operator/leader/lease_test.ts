import assert from "node:assert/strict";
import { DEADLINE_MS, DURATION_S, nextStep, released, RETRY_MS, type Sighting } from "./lease.ts";

const NOW = new Date("2026-01-01T00:00:00.123Z");
const TIME = "2026-01-01T00:00:00.123000Z";

function seenOf(holderIdentity: string, sinceMs: number): Sighting {
  return { spec: { holderIdentity, leaseDurationSeconds: 12, leaseTransitions: 4 }, sinceMs };
}

const TAKEN = { holderIdentity: "me", leaseDurationSeconds: DURATION_S, renewTime: TIME };

Deno.test("nextStep() takes a lease that does not exist", () => {
  const spec = { ...TAKEN, acquireTime: TIME, leaseTransitions: 1 };
  assert.deepEqual(nextStep("me", undefined, 0, NOW), { do: "write", spec });
});

Deno.test("nextStep() renews its own lease and keeps when it was acquired", () => {
  const mine = seenOf("me", 0);
  const spec = { ...mine.spec, ...TAKEN };
  assert.deepEqual(nextStep("me", mine, 5_000, NOW), { do: "write", spec });
});

Deno.test("nextStep() waits while another's lease changes, however old its time says it is", () => {
  assert.deepEqual(nextStep("me", seenOf("other", 1_000), 2_000, NOW), {
    do: "wait",
    ms: RETRY_MS,
  });
});

Deno.test("nextStep() looks again exactly when another's lease ends", () => {
  assert.deepEqual(nextStep("me", seenOf("other", 0), 11_500, NOW), { do: "wait", ms: 500 });
});

Deno.test("nextStep() takes over a lease that has not changed for its duration", () => {
  const spec = { ...TAKEN, acquireTime: TIME, leaseTransitions: 5 };
  assert.deepEqual(nextStep("me", seenOf("other", 0), 12_000, NOW), { do: "write", spec });
});

Deno.test("nextStep() takes over a released lease at once", () => {
  const left = { spec: released(seenOf("other", 0).spec), sinceMs: 0 };
  assert.equal(nextStep("me", left, 0, NOW).do, "write");
});

Deno.test("a leader gives up before anybody else may lead, and is replaced within 15 s", () => {
  assert.ok(DEADLINE_MS + RETRY_MS <= DURATION_S * 1000);
  assert.ok(DURATION_S * 1000 + RETRY_MS < 15_000);
});
