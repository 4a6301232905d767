/** `status` in the CRD: {@linkcode ActorStatus} with words for `kubectl explain`. */

import type { ActorStatus } from "../status/actor_status.ts";
import type { StructuralSchema } from "./structural.ts";

const text = (description: string): StructuralSchema => ({ type: "string", description });
const count = (description: string): StructuralSchema => ({
  type: "integer",
  format: "int32",
  description,
});
const time = (description: string): StructuralSchema => ({
  type: "string",
  format: "date-time",
  description,
});
const reference = (description: string): StructuralSchema => ({
  type: "object",
  description,
  required: ["apiVersion", "kind", "name"],
  properties: {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    name: { type: "string" },
  },
});

const conditions: StructuralSchema = {
  type: "array",
  description: "TransportReady, WorkloadReady, ScalingReady, and Ready, Reconciling, Stalled of " +
    "kstatus, for tools that wait.",
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["type"],
  items: {
    type: "object",
    required: ["type", "status", "reason", "message", "lastTransitionTime"],
    properties: {
      type: text("What it is about."),
      status: {
        type: "string",
        enum: ["True", "False", "Unknown"],
        description: "Whether it holds.",
      },
      reason: text("Why, in one word."),
      message: text("Why, for people: the failing pod, its container and the reason."),
      lastTransitionTime: time("When status last changed."),
      observedGeneration: { ...count("The spec that it tells of."), format: "int64" },
    },
  },
};

const FIELDS: Readonly<Record<keyof ActorStatus, StructuralSchema>> = {
  observedGeneration: { ...count("The spec that this tells of."), format: "int64" },
  status: text(
    "One word: Creating, Running, Napping, Degraded, ScalingUp, ScalingDown, Updating, " +
      "Terminating, TransportError, ScalingError, WorkloadError, PendingResources, " +
      "ImagePullError, RuntimeError, SidecarError, VolumeError, ConfigError.",
  ),
  conditions,
  replicas: count("Pods that the workload has."),
  readyReplicas: count("Pods that work."),
  totalReplicas: count("Pods that there are, those that end included."),
  pendingReplicas: count("Pods that are on their way."),
  failingPods: count("Pods that cannot start, or keep crashing."),
  desiredReplicas: count("Pods that there should be."),
  readyReplicasSummary: text("Ready of desired, such as 2/3."),
  selector: text("Label selector of the pods."),
  transportStatus: text("Ready, NotReady or Unknown: the queue."),
  workloadRef: reference("The Deployment or StatefulSet."),
  scaledObjectRef: reference("KEDA's object."),
  lastScaleTime: time("When desiredReplicas last changed."),
  lastScaleDirection: text("up or down."),
  lastScaleFormatted: text("Such as 5m ago (up)."),
  scalingMode: text("KEDA or Manual."),
  queuedMessages: count("Messages that wait; written at most each 30 s."),
  processingMessages: count("Messages in work; written at most each 30 s."),
};

/** The schema of `status`. */
export const STATUS_SCHEMA: StructuralSchema = {
  type: "object",
  description: "What the operator sees.",
  properties: { ...FIELDS },
};
