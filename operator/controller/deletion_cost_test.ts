import assert from "node:assert/strict";
import type { KubeObject } from "../kube/object.ts";
import { activeMessages, candidates, costOf } from "./deletion_cost.ts";

const METRICS = `# HELP asya_actor_active_messages Deliveries in hand.
# TYPE asya_actor_active_messages gauge
asya_actor_active_messages 3
`;

Deno.test("activeMessages() finds the gauge, whatever the prefix of the sidecar's metrics", () => {
  assert.equal(activeMessages(METRICS), 3);
  assert.equal(activeMessages(METRICS.replaceAll("asya_actor", "mine")), 3);
  assert.equal(activeMessages("up 1\n"), undefined);
});

Deno.test("costOf() is nothing for an idle pod and more than that with each message", () => {
  assert.deepEqual([0, 1, 7].map(costOf), [0, 101, 107]);
});

Deno.test("candidates() are ready pods of actors that have more than one of them", () => {
  const pod = (actor: string, name: string, ready: string, leaving = false): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      labels: { "asya.sh/actor": actor },
      ...leaving ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {},
    },
    status: { conditions: [{ type: "Ready", status: ready }] },
  });
  const pods = [
    pod("prep", "a", "True"),
    pod("prep", "b", "True"),
    pod("prep", "c", "False"),
    pod("prep", "d", "True", true),
    pod("infer", "e", "True"),
    pod("infer", "f", "False"),
  ];
  assert.deepEqual(candidates(pods).map(({ metadata }) => metadata.name), ["a", "b"]);
});
