/** The status of an actor: a pure function of what was seen. */

import type { AsyncActorSpec } from "@asya/manifest";
import type { KubeObject, ObjectMeta } from "../kube/object.ts";
import { selectorText } from "../specs/names.ts";
import type { ActorStatus, ObjectRef } from "./actor_status.ts";
import { type Finding, kstatus, withHistory } from "./conditions.ts";
import { lastScale } from "./last_scale.ts";
import type { Observed, QueueSeen } from "./observed.ts";
import { type PodView, podView } from "./pod_view.ts";
import { scalingOf } from "./scaling.ts";
import { type Verdict, wordOf } from "./word.ts";
import { type WorkloadView, workloadView } from "./workload_view.ts";

/** An actor as its status sees it; `spec` is absent where it could not be read. */
export interface StatusSubject {
  /** The object's. */
  readonly metadata: Pick<ObjectMeta, "name" | "generation">;
  /** Defaults filled in. */
  readonly spec?: AsyncActorSpec;
}

function reference(object: KubeObject): ObjectRef {
  const { apiVersion, kind, metadata: { name } } = object;
  return { apiVersion, kind, name };
}

/** A queue that was not looked at is as it was. */
function transportFinding(queue: QueueSeen, before: ActorStatus | undefined): Finding {
  const type = "TransportReady";
  if (queue.state === "ready") return { type, status: "True", reason: "QueueReady", message: "" };
  if (queue.state === "failed") {
    return { type, status: "False", reason: "QueueFailed", message: queue.message };
  }
  const last = before?.conditions.find((condition) => condition.type === type);
  if (last) return { type, status: last.status, reason: last.reason, message: last.message };
  return { type, status: "Unknown", reason: "Waiting", message: "the queue was not looked at yet" };
}

const TRANSPORT_STATUS = { True: "Ready", False: "NotReady", Unknown: "Unknown" } as const;

function workloadFinding(workload: WorkloadView | undefined, verdict: Verdict): Finding {
  const type = "WorkloadReady";
  if (workload === undefined) {
    return { type, status: "False", reason: verdict.reason, message: verdict.message };
  }
  const { desired, ready, replicas } = workload;
  const updating = workload.updating && (desired > 0 || replicas > 0); // nothing of none
  if (ready >= desired && !updating && workload.failure === undefined) {
    const reason = desired === 0 ? "NoPodsNeeded" : "PodsReady";
    return { type, status: "True", reason, message: "" };
  }
  const about = verdict.word === "TransportError" || verdict.word === "ScalingError";
  const message = about ? `${ready} of ${desired} pods are ready` : verdict.message;
  return { type, status: "False", reason: about ? "PodsNotReady" : verdict.reason, message };
}

/** Counts move all the time; a change of a tenth or less is not worth a write. */
function steady(now: number | undefined, before: number | undefined): number | undefined {
  if (now === undefined || before === undefined) return now;
  return Math.abs(now - before) * 10 <= before ? before : now;
}

function counts({ queue, before }: Observed) {
  const seen = queue.state === "ready" ? queue : {
    queued: before?.queuedMessages,
    processing: before?.processingMessages,
  };
  const queued = steady(seen.queued, before?.queuedMessages);
  const processing = steady(seen.processing, before?.processingMessages);
  return {
    ...queued !== undefined && { queuedMessages: queued },
    ...processing !== undefined && { processingMessages: processing },
  };
}

function podCounts(pods: readonly PodView[]) {
  const staying = pods.filter(({ ending }) => !ending);
  const failing = staying.filter(({ trouble }) => trouble && trouble.word !== "PendingResources");
  return {
    totalReplicas: pods.length,
    pendingReplicas: staying.filter((pod) => !pod.ready && !failing.includes(pod)).length,
    failingPods: failing.length,
  };
}

/** What to write under `status`; the same seen again gives the same, but for the text of an age. */
export function statusOf(actor: StatusSubject, observed: Observed): ActorStatus {
  const { now, before, queue, scaledObject } = observed;
  const { name, generation } = actor.metadata;
  const pods = observed.pods.flatMap((pod) => podView(pod, observed.warnings) ?? []);
  const workload = observed.workload && workloadView(observed.workload);
  const scaling = scalingOf(actor.spec, observed);
  const desired = workload?.desired ?? 0;
  const scale = workload ? lastScale(desired, now, before) : {};
  const direction = scale.lastScaleDirection;
  const transport = transportFinding(queue, before);
  const verdict = wordOf({ observed, pods, workload, transport, scaling, direction });
  const findings = [
    transport,
    workloadFinding(workload, verdict),
    { type: "ScalingReady", ...scaling.condition } as const,
    ...kstatus(verdict.word, verdict.reason, verdict.message),
  ];
  const ready = workload?.ready ?? 0;
  return {
    ...generation !== undefined && { observedGeneration: generation },
    status: verdict.word,
    conditions: withHistory(findings, now, generation, before),
    replicas: workload?.replicas ?? 0,
    readyReplicas: ready,
    ...podCounts(pods),
    desiredReplicas: desired,
    readyReplicasSummary: `${ready}/${desired}`,
    selector: selectorText(name),
    transportStatus: TRANSPORT_STATUS[transport.status],
    ...observed.workload && { workloadRef: reference(observed.workload) },
    ...scaledObject && { scaledObjectRef: reference(scaledObject) },
    ...scale,
    scalingMode: scaling.mode,
    ...counts(observed),
  };
}
