import assert from "node:assert/strict";
import { waitsForVolumes } from "./volume_warnings.ts";

const SCHEDULED = { type: "PodScheduled", status: "True" };
const creating = { name: "a", state: { waiting: { reason: "ContainerCreating" } } };

function pod(status: object, deletionTimestamp?: string) {
  const metadata = { name: "p", namespace: "n", ...deletionTimestamp && { deletionTimestamp } };
  return { apiVersion: "v1", kind: "Pod", metadata, status };
}

Deno.test("waitsForVolumes() is true of a pod with a node, of which nothing runs yet", () => {
  const waits = { phase: "Pending", conditions: [SCHEDULED], containerStatuses: [creating] };
  assert.equal(waitsForVolumes(pod(waits)), true);
  assert.equal(waitsForVolumes(pod({ ...waits, containerStatuses: [] })), true);
  assert.equal(waitsForVolumes(pod(waits, "2026-01-01T00:00:00Z")), false);
  assert.equal(waitsForVolumes(pod({ ...waits, phase: "Running" })), false);
  assert.equal(waitsForVolumes(pod({ ...waits, conditions: [] })), false);
  const pulling = { name: "a", state: { waiting: { reason: "ImagePullBackOff" } } };
  assert.equal(waitsForVolumes(pod({ ...waits, containerStatuses: [creating, pulling] })), false);
});
