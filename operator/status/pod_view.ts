/** What one pod says about itself: whether it works, and if not, which container is why. */

import type { KubeObject } from "../kube/object.ts";
import type { StatusWord } from "./actor_status.ts";

/** Why a pod does not work, or not yet. */
export interface PodTrouble {
  readonly word: Extract<
    StatusWord,
    | "ConfigError"
    | "ImagePullError"
    | "VolumeError"
    | "SidecarError"
    | "RuntimeError"
    | "PendingResources"
  >;
  /** Kubernetes' own word, e.g. `ImagePullBackOff`. */
  readonly reason: string;
  /** Names the pod, the container and what it said last. */
  readonly message: string;
}

/** One pod, as far as an actor's status needs it. */
export interface PodView {
  readonly name: string;
  /** All containers are ready. */
  readonly ready: boolean;
  /** It is on its way out. */
  readonly ending: boolean;
  readonly trouble?: PodTrouble;
  /** Which containers are not ready, in a sentence; absent when all are. */
  readonly unready?: string;
}

interface Terminated {
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}

interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: Terminated;
  };
  readonly lastState?: { readonly terminated?: Terminated };
}

interface PodStatus {
  readonly phase?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
  }[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

const IMAGE_REASONS = [
  "ImagePullBackOff",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
];

const MAX_WORDS = 500;

/** What a process wrote last, out of its termination message; of a log line in JSON the message. */
export function lastWords({ message = "" }: Terminated): string {
  const line = message.trimEnd().split("\n").at(-1)?.trim() ?? "";
  return messageOf(line).slice(0, MAX_WORDS);
}

function messageOf(line: string): string {
  if (!line.startsWith("{")) return line;
  try {
    const { message } = JSON.parse(line) as { message?: unknown };
    return typeof message === "string" ? message : line;
  } catch (error) {
    if (error instanceof SyntaxError) return line; // cut by Kubernetes, or none of ours
    throw error;
  }
}

function ended(of: Terminated | undefined): string {
  if (of === undefined) return "it keeps ending";
  const how = of.reason === "OOMKilled"
    ? "it needed more memory than its limit (OOMKilled)"
    : `it ended with exit code ${of.exitCode ?? "unknown"}`;
  const words = lastWords(of);
  return words === "" ? how : `${how}: ${words}`;
}

/** A container that was started again and again is in trouble also while it runs. */
const MANY_RESTARTS = 2;

function containerTrouble(pod: string, status: ContainerStatus): PodTrouble | undefined {
  const { name, ready, restartCount = 0, state, lastState } = status;
  const where = `pod ${pod}, container ${name}`;
  const crash = name === "asya-sidecar" ? "SidecarError" : "RuntimeError";
  const waiting = state?.waiting;
  const reason = waiting?.reason ?? "";
  const why = `${reason}${waiting?.message ? `: ${waiting.message.slice(0, MAX_WORDS)}` : ""}`;
  if (IMAGE_REASONS.includes(reason)) {
    return { word: "ImagePullError", reason, message: `${where}: ${why}` };
  }
  if (reason === "CreateContainerConfigError") {
    return { word: "ConfigError", reason, message: `${where}: ${why}` };
  }
  if (["CreateContainerError", "RunContainerError", "StartError"].includes(reason)) {
    const word = /mount|volume|subpath/i.test(why) ? "VolumeError" : crash;
    return { word, reason, message: `${where}: ${why}` };
  }
  const last = state?.terminated ?? lastState?.terminated;
  const failedLast = last !== undefined && (last.exitCode !== 0 || restartCount >= MANY_RESTARTS);
  const crashing = reason === "CrashLoopBackOff" ||
    (!ready && failedLast && (state?.terminated !== undefined || restartCount >= MANY_RESTARTS));
  if (!crashing) return undefined;
  const shown = reason || (last?.reason ?? "Error");
  return { word: crash, reason: shown, message: `${where}: ${ended(last)}` };
}

function schedulingTrouble(pod: string, status: PodStatus): PodTrouble | undefined {
  const scheduled = status.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  const { reason = "Unschedulable", message = "no node takes it" } = scheduled;
  const word = /persistentvolume|volume/i.test(message) ? "VolumeError" : "PendingResources";
  return { word, reason, message: `pod ${pod}: ${message}` };
}

function unready(pod: string, { containerStatuses = [] }: PodStatus): string | undefined {
  const names = containerStatuses.filter(({ ready }) => !ready).map(({ name }) => name);
  return names.length === 0 ? undefined : `pod ${pod} waits for ${names.join(" and ")}`;
}

/** Reads a pod; undefined for one that has ended for good and only lies about. */
export function podView(
  pod: KubeObject,
  warnings: readonly PodWarning[] = [],
): PodView | undefined {
  const status = (pod.status ?? {}) as PodStatus;
  const { name, deletionTimestamp } = pod.metadata;
  if (status.phase === "Failed" || status.phase === "Succeeded") return undefined;
  const ready =
    status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ??
      false;
  if (deletionTimestamp !== undefined) return { name, ready, ending: true };
  const containers = [...status.initContainerStatuses ?? [], ...status.containerStatuses ?? []];
  const mount = warnings.find((warning) => warning.pod === name);
  const trouble = schedulingTrouble(name, status) ??
    containers.map((container) => containerTrouble(name, container)).find((found) => found) ??
    (ready || mount === undefined ? undefined : {
      word: "VolumeError" as const,
      reason: mount.reason,
      message: `pod ${name}: ${mount.message.slice(0, MAX_WORDS)}`,
    });
  const waits = unready(name, status);
  return { name, ready, ending: false, ...trouble && { trouble }, ...waits && { unready: waits } };
}

/** A warning event about a pod's volumes: FailedMount or FailedAttachVolume. */
export interface PodWarning {
  /** The pod's name. */
  readonly pod: string;
  /** The event's. */
  readonly reason: string;
  /** The event's. */
  readonly message: string;
}
