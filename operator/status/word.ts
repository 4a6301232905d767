/**
 * The one word for an actor. The first row that applies wins:
 *
 * | word             | when                                                                      |
 * | ---------------- | ------------------------------------------------------------------------- |
 * | Terminating      | the actor is being deleted                                                |
 * | ConfigError      | the spec is wrong, or a container's ConfigMap, Secret or user cannot be had |
 * | TransportError   | the queue is not there and cannot be made, or the broker cannot be reached  |
 * | WorkloadError    | the API server refused an object, or pods cannot be made (quota, admission) |
 * | ImagePullError   | an image cannot be had                                                    |
 * | VolumeError      | a volume cannot be had                                                    |
 * | SidecarError     | the sidecar keeps ending                                                  |
 * | RuntimeError     | any other container keeps ending                                          |
 * | PendingResources | no node has room for a pod                                                |
 * | ScalingError     | KEDA cannot scale the actor                                               |
 * | Creating         | its first pods are on their way                                           |
 * | Updating         | pods of an older template are being replaced                              |
 * | Napping          | there should be no pod, and there is none                                 |
 * | ScalingDown      | there are more pods than there should be, or some still finish work       |
 * | Running          | all pods that there should be are ready                                   |
 * | ScalingUp        | pods are on their way after more were asked for                           |
 * | Degraded         | pods are missing that were there, or some of them are in trouble          |
 *
 * Trouble of some pods, while others are ready and none is being replaced, is Degraded.
 */

import type { ActorStatus, StatusWord } from "./actor_status.ts";
import type { Finding } from "./conditions.ts";
import type { Observed } from "./observed.ts";
import type { PodTrouble, PodView } from "./pod_view.ts";
import type { Scaling } from "./scaling.ts";
import type { WorkloadView } from "./workload_view.ts";

/** The word, and why. */
export interface Verdict {
  readonly word: StatusWord;
  /** In CamelCase, for conditions. */
  readonly reason: string;
  /** What a person should know; empty where all is well. */
  readonly message: string;
}

/** What the word follows from. */
export interface Evidence {
  readonly observed: Observed;
  readonly pods: readonly PodView[];
  readonly workload: WorkloadView | undefined;
  /** `TransportReady`. */
  readonly transport: Finding;
  readonly scaling: Scaling;
  /** Which way the actor was scaled last. */
  readonly direction: "up" | "down" | undefined;
}

const BY_WORD: readonly PodTrouble["word"][] = [
  "ConfigError",
  "ImagePullError",
  "VolumeError",
  "SidecarError",
  "RuntimeError",
  "PendingResources",
];

/** The worst trouble among the pods. */
function worst(pods: readonly PodView[]): PodTrouble | undefined {
  const troubles = pods.flatMap(({ trouble }) => trouble ? [trouble] : []);
  return troubles.toSorted((a, b) => BY_WORD.indexOf(a.word) - BY_WORD.indexOf(b.word))[0];
}

/** Words that tell nothing of how far the actor had come. */
const TROUBLES: readonly StatusWord[] = [
  ...BY_WORD,
  "TransportError",
  "WorkloadError",
  "ScalingError",
];

/** Whether its pods never were ready, as far as its last status tells. */
function young(before: ActorStatus | undefined): boolean {
  if (before === undefined || before.status === "Creating") return true;
  const { status, readyReplicas, lastScaleTime } = before;
  return TROUBLES.includes(status) && readyReplicas === 0 && lastScaleTime === undefined;
}

function settled(word: StatusWord, message = ""): Verdict {
  return { word, reason: word, message };
}

/** Without them an actor runs, but is not scaled. */
const KEDA_KINDS = ["ScaledObject", "TriggerAuthentication"];

function failure({ observed, transport, scaling, pods, workload }: Evidence): Verdict | undefined {
  const { problems, applyError, applyErrorKind = "" } = observed;
  if (problems.length > 0) {
    return { word: "ConfigError", reason: "InvalidSpec", message: problems.join("; ") };
  }
  const trouble = worst(pods);
  const served = workload !== undefined && workload.ready > 0 && !workload.updating;
  if (trouble?.word === "ConfigError" && !served) return trouble;
  if (transport.status === "False") return { ...transport, word: "TransportError" };
  const refusedByKeda = KEDA_KINDS.includes(applyErrorKind);
  if (applyError !== undefined && !refusedByKeda) {
    return { word: "WorkloadError", reason: "ApplyFailed", message: applyError };
  }
  if (trouble && !served) return trouble;
  if (workload?.failure) return { word: "WorkloadError", ...workload.failure };
  if (trouble?.word === "PendingResources") return trouble;
  if (trouble) return { ...trouble, word: "Degraded" };
  if (applyError !== undefined) {
    return { word: "ScalingError", reason: "ApplyFailed", message: applyError };
  }
  if (scaling.mode === "KEDA" && scaling.condition.status === "False") {
    return { ...scaling.condition, word: "ScalingError" };
  }
  return undefined;
}

/** Where a pod that is missing comes from: nobody had it yet, more were asked for, or it was lost. */
function missing({ observed, direction }: Evidence, message: string): Verdict {
  const { before } = observed;
  if (young(before)) return settled("Creating", message);
  const rested: readonly StatusWord[] = ["Running", "Degraded", "Updating", "ScalingDown"];
  const asked = direction === "up" && !rested.includes(before!.status);
  return settled(asked ? "ScalingUp" : "Degraded", message);
}

/** The word for an actor. */
export function wordOf(evidence: Evidence): Verdict {
  const { observed, pods, workload } = evidence;
  const { before } = observed;
  if (observed.terminating) return settled("Terminating", "waits until its pods have ended");
  const failed = failure(evidence);
  if (failed) return failed;
  if (workload === undefined) return settled("Creating", "its workload is being made");
  const { desired, replicas, ready, updating } = workload;
  if (desired === 0 && replicas === 0 && pods.length === 0) return settled("Napping");
  const change = desired - (before?.desiredReplicas ?? desired);
  const waits = pods.find(({ unready }) => unready !== undefined)?.unready;
  const summary = `${ready} of ${desired} pods are ready${waits ? `; ${waits}` : ""}`;
  if (updating && replicas > 0 && change === 0) {
    return young(before) ? settled("Creating", summary) : settled("Updating", summary);
  }
  const ending = pods.filter((pod) => pod.ending).length;
  if (replicas > desired) return settled("ScalingDown", `${replicas} pods, down to ${desired}`);
  if (ready >= desired) {
    const down = ending > 0 && evidence.direction === "down";
    return down ? settled("ScalingDown", `${ending} pods finish their work`) : settled("Running");
  }
  if (change > 0 && !young(before)) return settled("ScalingUp", summary);
  return missing(evidence, summary);
}
