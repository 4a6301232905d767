import assert from "node:assert/strict";
import type { ActorStatus } from "../status/actor_status.ts";
import { ageOf, statusPatch, type Writing, writingOf } from "./status_patch.ts";

const STATUS: ActorStatus = {
  status: "Running",
  conditions: [],
  replicas: 1,
  readyReplicas: 1,
  totalReplicas: 1,
  pendingReplicas: 0,
  failingPods: 0,
  desiredReplicas: 1,
  readyReplicasSummary: "1/1",
  selector: "asya.sh/actor=prep",
  transportStatus: "Ready",
  scalingMode: "KEDA",
  queuedMessages: 100,
  lastScaleFormatted: "5m ago (up)",
};

const CASES: readonly [string, Partial<ActorStatus>, number, Writing][] = [
  ["nothing", {}, Infinity, "no"],
  ["another word", { status: "Degraded" }, 1_000, "now"],
  ["another word too early", { status: "Degraded" }, 400, { afterMs: 600 }],
  ["another count of pods", { readyReplicas: 0 }, 1_000, "now"],
  ["5 % more messages", { queuedMessages: 105 }, Infinity, "no"],
  ["20 % more messages", { queuedMessages: 120 }, 30_000, "now"],
  ["20 % more messages too early", { queuedMessages: 120 }, 12_000, { afterMs: 18_000 }],
  ["messages in flight that were not known", { processingMessages: 0 }, Infinity, "now"],
  ["an age that grew a little", { lastScaleFormatted: "6m ago (up)" }, Infinity, "no"],
  ["an age that grew by half", { lastScaleFormatted: "8m ago (up)" }, Infinity, "now"],
];

for (const [name, change, sinceMs, expected] of CASES) {
  Deno.test(`writingOf() of ${name} is ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(writingOf(STATUS, { ...STATUS, ...change }, sinceMs), expected);
  });
}

Deno.test("writingOf() does not mind the order of keys, nor members that are undefined", () => {
  const turned = Object.fromEntries(Object.entries(STATUS).reverse()) as unknown as ActorStatus;
  assert.equal(writingOf(STATUS, turned, 0), "no");
});

Deno.test("writingOf() writes the first status", () => {
  assert.equal(writingOf(undefined, STATUS, 0), "now");
});

Deno.test("statusPatch() takes away what is not there any more", () => {
  const { queuedMessages: _, ...now } = STATUS;
  assert.deepEqual(statusPatch(STATUS, now), { status: { queuedMessages: null, ...now } });
});

for (
  const [text, seconds] of [["5m ago (up)", 300], ["2h5m ago (down)", 7_500], [
    "<1m ago (up)",
    60,
  ], ["never", undefined]] as const
) {
  Deno.test(`ageOf() reads ${text} as ${seconds} seconds`, () => {
    assert.equal(ageOf(text), seconds);
  });
}
