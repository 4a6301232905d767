import assert from "node:assert/strict";
import type { KubeObject } from "../kube/object.ts";
import { exampleActor, withRuntime } from "../specs/example.ts";
import { parseDuration } from "@asya/envelope";
import type { ActorStatus, StatusWord } from "./actor_status.ts";
import { MEANINGS } from "./conditions.ts";
import {
  examplePod,
  exampleWorkload,
  startingPod,
  troubledPod,
  unscheduledPod,
} from "./example.ts";
import type { Observed } from "./observed.ts";
import { statusOf, type StatusSubject } from "./status.ts";

const FIXED: StatusSubject = exampleActor(`{${withRuntime()}}`, "{generation: 7}");
const SCALED: StatusSubject = exampleActor(`{scaling: {enabled: true}, ${withRuntime()}}`);

function look(seen: Partial<Observed>, actor = FIXED, after = "0s"): ActorStatus {
  const start = new Date("2026-01-01T12:00:00Z").getTime();
  return statusOf(actor, {
    now: new Date(start + parseDuration(after)),
    problems: [],
    queue: { state: "ready", queued: 0 },
    pods: [],
    keda: true,
    terminating: false,
    ...seen,
  });
}

/** Pods that are ready. */
const pods = (count: number) => Array.from({ length: count }, (_, i) => examplePod(`p${i}`));
const ending = (name: string) =>
  examplePod(name, {}, { deletionTimestamp: "2026-01-01T12:00:00Z" });
const noImage = (name: string) =>
  troubledPod(name, { state: { waiting: { reason: "ErrImagePull", message: "not found" } } });
const crash = (name: string, container = "asya-runtime") =>
  troubledPod(name, {
    name: container,
    restartCount: 5,
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: { terminated: { exitCode: 1, message: "no" } },
  });
const kedaSays = (status: string, message = ""): KubeObject => ({
  apiVersion: "keda.sh/v1alpha1",
  kind: "ScaledObject",
  metadata: { name: "prep" },
  status: { conditions: [{ type: "Ready", status, reason: "ScaledObjectReady", message }] },
});

const creating = look({});
const running = look({ workload: exampleWorkload(2, 2), pods: pods(2), before: creating });
const napping = look({ workload: exampleWorkload(0, 0), before: running });
const scalingUp = look({ workload: exampleWorkload(3, 2), pods: pods(2), before: running });

/** One row a word and a way to it: what was seen, after which status. */
const rows: readonly [word: StatusWord, what: string, seen: Partial<Observed>, StatusSubject?][] = [
  ["Creating", "nothing is there yet", {}],
  ["Creating", "the first pods start", {
    workload: exampleWorkload(2, 1),
    pods: [examplePod("a"), startingPod("b")],
    before: creating,
  }],
  ["Creating", "the first pods start, their template changed meanwhile", {
    workload: exampleWorkload(2, 0, { updatedReplicas: 1 }),
    before: creating,
  }],
  ["Creating", "a spec that was wrong is mended before any pod ran", {
    workload: exampleWorkload(1, 0),
    before: look({ problems: ["x"] }),
  }],
  ["Running", "all pods are ready", { workload: exampleWorkload(2, 2), before: creating }],
  ["Running", "scaled up and ready", { workload: exampleWorkload(3, 3), before: scalingUp }],
  ["Running", "an old pod still ends after an update", {
    workload: exampleWorkload(2, 2),
    pods: [...pods(2), ending("old")],
    before: running,
  }],
  ["Napping", "no pod is needed and none is there", {
    workload: exampleWorkload(0, 0),
    before: running,
  }],
  ["ScalingUp", "more are asked for", { workload: exampleWorkload(3, 2), before: running }],
  ["ScalingUp", "the first is asked for after a nap", {
    workload: exampleWorkload(1, 0, { replicas: 0 }),
    before: napping,
  }],
  ["ScalingUp", "and goes on until they are ready", {
    workload: exampleWorkload(3, 2),
    before: scalingUp,
  }],
  ["ScalingUp", "room was found for a pod that was asked for", {
    workload: exampleWorkload(3, 2),
    before: look({
      workload: exampleWorkload(3, 2),
      pods: [unscheduledPod("c", "no cpu")],
      before: scalingUp,
    }),
  }],
  ["ScalingDown", "there are more than there should be", {
    workload: exampleWorkload(1, 2, { replicas: 2 }),
    before: running,
  }],
  ["ScalingDown", "pods finish their work", {
    workload: exampleWorkload(1, 1),
    pods: [examplePod("a"), ending("b")],
    before: running,
  }],
  ["ScalingDown", "the last pod finishes its work", {
    workload: exampleWorkload(0, 0),
    pods: [ending("a")],
    before: running,
  }],
  ["Updating", "the template changed", {
    workload: exampleWorkload(2, 2, { updatedReplicas: 1 }),
    pods: pods(2),
    before: running,
  }],
  ["Updating", "the workload's controller has not looked at its spec", {
    workload: exampleWorkload(2, 2, { observedGeneration: 3 }),
    before: running,
  }],
  ["Degraded", "a pod was lost", { workload: exampleWorkload(2, 1), before: running }],
  ["Degraded", "all pods were lost", { workload: exampleWorkload(2, 0), before: running }],
  ["Degraded", "and stays so, none being ready", {
    workload: exampleWorkload(2, 0),
    before: look({ workload: exampleWorkload(2, 0), before: running }),
  }],
  ["Degraded", "one of its pods keeps ending", {
    workload: exampleWorkload(2, 1),
    pods: [examplePod("a"), crash("b")],
    before: running,
  }],
  ["Terminating", "it is deleted", { terminating: true, problems: ["x"], before: running }],
  ["ConfigError", "its spec is wrong", { problems: ["spec.transport is missing"] }],
  ["ConfigError", "a Secret is missing", {
    workload: exampleWorkload(1, 0),
    pods: [troubledPod("a", { state: { waiting: { reason: "CreateContainerConfigError" } } })],
  }],
  ["TransportError", "the broker is away", {
    queue: { state: "failed", message: "the broker mq:5672 cannot be reached" },
    workload: exampleWorkload(2, 2),
    before: running,
  }],
  ["WorkloadError", "the API server refuses it", { applyError: "quota" }],
  ["WorkloadError", "its pods cannot be made", {
    workload: exampleWorkload(1, 0, {
      replicas: 0,
      conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate" }],
    }),
  }],
  ["WorkloadError", "nobody knows why its pods do not come", {
    workload: exampleWorkload(1, 0, {
      conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }],
    }),
    before: creating,
  }],
  ["ImagePullError", "an image is missing", {
    workload: exampleWorkload(1, 0),
    pods: [noImage("a")],
  }],
  ["ImagePullError", "the image of an update is missing, old pods still work", {
    workload: exampleWorkload(2, 2, { updatedReplicas: 1, replicas: 3 }),
    pods: [...pods(2), noImage("c")],
    before: running,
  }],
  ["VolumeError", "a claim is missing", {
    workload: exampleWorkload(1, 0),
    pods: [unscheduledPod("a", 'persistentvolumeclaim "results" not found')],
  }],
  ["VolumeError", "a ConfigMap to mount is missing", {
    workload: exampleWorkload(1, 0),
    pods: [startingPod("a")],
    warnings: [{ pod: "a", reason: "FailedMount", message: 'configmap "upper" not found' }],
  }],
  ["SidecarError", "the sidecar keeps ending", {
    workload: exampleWorkload(1, 0),
    pods: [crash("a", "asya-sidecar")],
  }],
  ["RuntimeError", "the handler keeps ending", {
    workload: exampleWorkload(1, 0),
    pods: [crash("a")],
  }],
  ["PendingResources", "no node has room for the first pod", {
    workload: exampleWorkload(1, 0),
    pods: [unscheduledPod("a", "Insufficient nvidia.com/gpu")],
  }],
  ["PendingResources", "no node has room for one more", {
    workload: exampleWorkload(2, 1),
    pods: [examplePod("a"), unscheduledPod("b", "Insufficient cpu")],
    before: running,
  }],
  ["ScalingError", "KEDA cannot reach the queue", {
    workload: exampleWorkload(1, 1),
    scaledObject: kedaSays("False", "Triggers defined in ScaledObject are not working"),
    before: running,
  }, SCALED],
  ["ScalingError", "KEDA refuses its object", {
    workload: exampleWorkload(1, 1),
    applyError: "unknown name load",
    applyErrorKind: "ScaledObject",
    before: running,
  }, SCALED],
  ["Running", "KEDA is not there", {
    workload: exampleWorkload(2, 2),
    keda: false,
    before: creating,
  }, SCALED],
];

for (const [word, what, seen, actor] of rows) {
  Deno.test(`statusOf() says ${word} when ${what}`, () => {
    assert.equal(look(seen, actor).status, word);
  });
}

Deno.test("statusOf() has every status word in its table of tests", () => {
  const tested = new Set(rows.map(([word]) => word));
  assert.deepEqual(Object.keys(MEANINGS).filter((word) => !tested.has(word as StatusWord)), []);
});

function conditionsOf(status: ActorStatus): Readonly<Record<string, string>> {
  return Object.fromEntries(
    status.conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );
}

Deno.test("statusOf() has all conditions of an actor that works", () => {
  assert.deepEqual(conditionsOf(running), {
    TransportReady: "True QueueReady",
    WorkloadReady: "True PodsReady",
    ScalingReady: "True ScalingOff",
    Ready: "True Running",
    Reconciling: "False Running",
    Stalled: "False Running",
  });
  assert.ok(running.conditions.every(({ observedGeneration }) => observedGeneration === 7));
  assert.equal(running.observedGeneration, 7);
});

Deno.test("statusOf() names the failing pod, its container and the reason", () => {
  const status = look({ workload: exampleWorkload(1, 0), pods: [noImage("prep-x1")] });
  assert.deepEqual(conditionsOf(status), {
    TransportReady: "True QueueReady",
    WorkloadReady: "False ErrImagePull",
    ScalingReady: "True ScalingOff",
    Ready: "False ErrImagePull",
    Reconciling: "False ErrImagePull",
    Stalled: "True ErrImagePull",
  });
  const { message } = status.conditions.find(({ type }) => type === "Stalled")!;
  assert.equal(message, "pod prep-x1, container asya-runtime: ErrImagePull: not found");
});

Deno.test("statusOf() names what a pod waits for while it is on its way", () => {
  const { conditions } = look({
    workload: exampleWorkload(1, 0),
    pods: [troubledPod("prep-x1", { name: "asya-sidecar", state: { running: {} } })],
  });
  const { message } = conditions.find(({ type }) => type === "Reconciling")!;
  assert.equal(message, "0 of 1 pods are ready; pod prep-x1 waits for asya-sidecar");
});

Deno.test("statusOf() says what is missing where there is no KEDA", () => {
  const status = look({ workload: exampleWorkload(1, 1), keda: false }, SCALED);
  const condition = status.conditions.find(({ type }) => type === "ScalingReady")!;
  assert.equal(condition.reason, "KedaMissing");
  assert.match(condition.message, /install KEDA, or set spec.scaling.enabled to false/);
  assert.equal(status.scalingMode, "Manual");
});

Deno.test("statusOf() tells of KEDA: it waits, it works, it is paused", () => {
  const reason = (scaledObject: KubeObject) =>
    conditionsOf(look({ workload: exampleWorkload(1, 1), scaledObject }, SCALED))["ScalingReady"];
  assert.equal(reason(kedaSays("Unknown")), "Unknown Waiting");
  assert.equal(reason(kedaSays("True")), "True ScaledByKeda");
  const paused = {
    ...kedaSays("True"),
    status: { conditions: [{ type: "Paused", status: "True" }] },
  };
  assert.equal(reason(paused), "True Paused");
});

Deno.test("statusOf() counts pods of each sort", () => {
  const { replicas, readyReplicas, totalReplicas, pendingReplicas, failingPods, ...rest } = look({
    workload: exampleWorkload(4, 1),
    pods: [examplePod("a"), startingPod("b"), unscheduledPod("c", "cpu"), crash("d"), ending("e")],
  });
  assert.deepEqual(
    { replicas, readyReplicas, totalReplicas, pendingReplicas, failingPods },
    { replicas: 4, readyReplicas: 1, totalReplicas: 5, pendingReplicas: 2, failingPods: 1 },
  );
  assert.equal(rest.readyReplicasSummary, "1/4");
  assert.equal(rest.selector, "asya.sh/actor=prep");
  assert.deepEqual(rest.workloadRef, { apiVersion: "apps/v1", kind: "Deployment", name: "prep" });
});

Deno.test("statusOf() gives the same for the same, its times with it", () => {
  const seen = { workload: exampleWorkload(2, 2), pods: pods(2) };
  const first = look({ ...seen, before: running }, FIXED, "1m");
  assert.deepEqual(look({ ...seen, before: first }, FIXED, "9m"), first);
  const lost = look({ workload: exampleWorkload(2, 1), before: first }, FIXED, "10m");
  const ready = lost.conditions.find(({ type }) => type === "Ready")!;
  assert.equal(ready.lastTransitionTime, "2026-01-01T12:10:00.000Z");
});

Deno.test("statusOf() leaves a queue as it was while nobody looks at it", () => {
  const failed = look({ queue: { state: "failed", message: "away" } });
  const later = look({ queue: { state: "unknown" }, before: failed });
  assert.equal(later.transportStatus, "NotReady");
  assert.equal(later.status, "TransportError");
  assert.equal(look({ queue: { state: "unknown" } }).transportStatus, "Unknown");
});

for (
  const [before, now, written] of [[100, 110, 100], [100, 111, 111], [100, 89, 89], [0, 1, 1], [
    5,
    0,
    0,
  ]] as const
) {
  Deno.test(`statusOf() after ${before} messages and now ${now} says ${written}`, () => {
    const earlier = look({ queue: { state: "ready", queued: before, processing: before } });
    const queue = { state: "ready", queued: now, processing: now } as const;
    const { queuedMessages, processingMessages } = look({ queue, before: earlier });
    assert.deepEqual([queuedMessages, processingMessages], [written, written]);
  });
}

Deno.test("statusOf() of a StatefulSet knows an update by its revisions", () => {
  const set = (revisions: Readonly<Record<string, string>>): KubeObject => {
    const { updatedReplicas: _, ...status } = exampleWorkload(2, 2).status as Record<
      string,
      unknown
    >;
    return { ...exampleWorkload(2, 2), kind: "StatefulSet", status: { ...status, ...revisions } };
  };
  const settled = set({ currentRevision: "a", updateRevision: "a" });
  const updating = set({ currentRevision: "a", updateRevision: "b" });
  assert.equal(look({ workload: settled, before: running }).status, "Running");
  assert.equal(look({ workload: updating, before: running }).status, "Updating");
});

Deno.test("statusOf() of an actor whose spec cannot be read keeps what it knows of scaling", () => {
  const before = look({ workload: exampleWorkload(1, 1), scaledObject: kedaSays("True") }, SCALED);
  const seen = { problems: ["spec.transport is missing"], before };
  const status = look(seen, { metadata: { name: "prep", generation: 8 } });
  assert.equal(status.scalingMode, "KEDA");
  assert.equal(conditionsOf(status)["ScalingReady"], "Unknown InvalidSpec");
  assert.equal(conditionsOf(status)["Stalled"], "True InvalidSpec");
});
