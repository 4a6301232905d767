import assert from "node:assert/strict";
import type { ActorStatus } from "./actor_status.ts";
import { ago, lastScale } from "./last_scale.ts";

const now = new Date("2026-01-01T12:00:00Z");
const before = (more: Partial<ActorStatus>) =>
  ({
    desiredReplicas: 2,
    workloadRef: { apiVersion: "apps/v1", kind: "Deployment", name: "prep" },
    ...more,
  }) as ActorStatus;

for (
  const [seconds, text] of [
    [0, "<1m ago"],
    [59, "<1m ago"],
    [300, "5m ago"],
    [3_599, "59m ago"],
    [7_200, "2h ago"],
    [172_799, "47h ago"],
    [172_800, "2d ago"],
  ] as const
) {
  Deno.test(`ago() after ${seconds} s is ${text}`, () => {
    assert.equal(ago(new Date(now.getTime() - seconds * 1000), now), text);
  });
}

Deno.test("lastScale() sees a change of what should be, and its direction", () => {
  assert.deepEqual(lastScale(5, now, before({})), {
    lastScaleTime: "2026-01-01T12:00:00.000Z",
    lastScaleDirection: "up",
    lastScaleFormatted: "<1m ago (up)",
  });
  assert.equal(lastScale(0, now, before({})).lastScaleDirection, "down");
});

Deno.test("lastScale() keeps the last change while nothing changes", () => {
  const last = { lastScaleTime: "2026-01-01T11:55:00.000Z", lastScaleDirection: "up" } as const;
  assert.deepEqual(lastScale(2, now, before(last)), {
    ...last,
    lastScaleFormatted: "5m ago (up)",
  });
});

Deno.test("lastScale() does not take an actor's first pods for a change", () => {
  assert.deepEqual(lastScale(3, now), {});
  const { workloadRef: _, ...none } = before({ desiredReplicas: 0 });
  assert.deepEqual(lastScale(3, now, none), {});
});
