import assert from "node:assert/strict";
import { type Item, progressLines, progressOf } from "./progress.ts";
import { paintFor } from "./terminal.ts";

const labels = { "app.kubernetes.io/instance": "asya" };

function deployment(status: Item["status"], more: Partial<Item["metadata"]> = {}): Item {
  return {
    kind: "Deployment",
    metadata: { name: "gw", labels, generation: 2, ...more },
    spec: { replicas: 2 },
    ...status === undefined ? {} : { status },
  };
}

function pod(status: Item["status"], more: Readonly<Record<string, string>> = labels): Item {
  return { kind: "Pod", metadata: { name: "p", labels: more }, ...status ? { status } : {} };
}

const rowOf = (item: Item) => progressOf([item], "asya").rows[0];

Deno.test("progressOf() counts ready pods of the newest version only", () => {
  const seen = { observedGeneration: 2, updatedReplicas: 2, readyReplicas: 2 };
  assert.equal(rowOf(deployment(seen))!.ready, true);
  assert.equal(rowOf(deployment({ ...seen, updatedReplicas: 1 }))!.text, "1/2 ready");
  assert.equal(rowOf(deployment({ ...seen, observedGeneration: 1 }))!.ready, false);
  assert.equal(rowOf(deployment(undefined))!.ready, false);
});

Deno.test("progressOf() shows an actor's status word, and why it is not ready", () => {
  const actor = (conditions: { type: string; status: string; message?: string }[]): Item => ({
    kind: "AsyncActor",
    metadata: { name: "a", labels },
    status: { status: "ImagePullError", conditions },
  });
  const row = rowOf(actor([{ type: "Ready", status: "False", message: "no such image" }]));
  assert.deepEqual(row, { name: "actor a", ready: false, text: "ImagePullError: no such image" });
  assert.equal(rowOf(actor([{ type: "Ready", status: "True", message: "x" }]))!.ready, true);
});

Deno.test("progressOf() leaves out what is another's, and the release's own test", () => {
  const other = { "app.kubernetes.io/instance": "other" };
  const test = { ...labels, "app.kubernetes.io/component": "test" };
  const crashed = {
    containerStatuses: [{ name: "c", restartCount: 0, state: { waiting: { reason: "Bad" } } }],
  };
  const items = [deployment({}, { labels: other }), pod(crashed, other), pod(crashed, test)];
  assert.deepEqual(progressOf(items, "asya"), { rows: [], troubles: [] });
});

Deno.test("progressOf() names pod, container and reason of what will not start by waiting", () => {
  const waiting = (reason: string, message?: string) => ({
    name: "c",
    restartCount: 3,
    state: { waiting: { reason, ...message ? { message } : {} } },
    lastState: { terminated: { exitCode: 2 } },
  });
  const reasons = (status: Item["status"]) =>
    progressOf([pod(status)], "asya").troubles.map(({ reason, hasLog }) => [reason, hasLog]);
  assert.deepEqual(reasons({ containerStatuses: [waiting("ContainerCreating")] }), []);
  assert.deepEqual(reasons({ containerStatuses: [waiting("CrashLoopBackOff", "back-off 10s")] }), [
    ["CrashLoopBackOff, exit code 2", true],
  ]);
  const unschedulable = { type: "PodScheduled", status: "False", message: "no node fits" };
  assert.deepEqual(reasons({ conditions: [unschedulable] }), [[
    "not scheduled: no node fits",
    false,
  ]]);
});

Deno.test("progressLines() aligns names and puts troubles below", () => {
  const trouble = { pod: "p", container: "c", reason: "Bad", hasLog: false, restarts: 0 };
  const rows = [{ name: "a", ready: true, text: "1/1" }, {
    name: "long",
    ready: false,
    text: "0/1",
  }];
  assert.deepEqual(progressLines({ rows, troubles: [trouble] }, paintFor(false)), [
    "  ok  a     1/1",
    "  ..  long  0/1",
    "  !!  p (c): Bad",
  ]);
});
