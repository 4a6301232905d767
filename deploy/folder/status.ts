/** How far the actors of a folder are: from their objects and pods to lines, and to logs worth a look. */

import type { Row } from "../progress.ts";
import type { KubeObject } from "./object.ts";

/** An actor by name and namespace. */
export interface ActorName {
  readonly namespace: string;
  readonly name: string;
}

/** One actor at a moment. */
export interface ActorState extends Row {
  readonly actor: ActorName;
  /** It will not come up by waiting: a person is needed. */
  readonly stalled: boolean;
}

/** A container whose log may tell why an actor is not ready. */
export interface LogPlace {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The log of the process before: the one that failed. */
  readonly previous: boolean;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

interface ActorStatus {
  readonly status?: string;
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

interface Container {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: {
    readonly running?: object;
    readonly waiting?: { readonly reason?: string };
    readonly terminated?: object;
  };
}

interface PodStatus {
  readonly initContainerStatuses?: readonly Container[];
  readonly containerStatuses?: readonly Container[];
}

/** A status that tells of an older spec counts as none. */
export function actorState(actor: ActorName, object: KubeObject | undefined): ActorState {
  const { generation = 0 } = (object?.metadata ?? {}) as { generation?: number };
  const status = (object?.["status"] ?? {}) as ActorStatus;
  const seen = object !== undefined && (status.observedGeneration ?? -1) >= generation;
  if (!seen) {
    const text = object === undefined ? "is not there" : "waits for the operator";
    return { actor, name: actor.name, ready: false, stalled: false, text };
  }
  const holds = (type: string) =>
    status.conditions?.find((condition) => condition.type === type)?.status === "True";
  const ready = holds("Ready");
  const message = status.conditions?.find(({ type }) => type === "Ready")?.message;
  const text = `${status.status ?? ""}${ready || !message ? "" : `: ${message}`}`;
  return { actor, name: actor.name, ready, stalled: !ready && holds("Stalled"), text };
}

function containersOf(pod: KubeObject): readonly Container[] {
  const status = (pod["status"] ?? {}) as PodStatus;
  return [...status.initContainerStatuses ?? [], ...status.containerStatuses ?? []];
}

function isEnding({ metadata }: KubeObject): boolean {
  return metadata["deletionTimestamp"] !== undefined;
}

/** Reasons to wait that pass: the image is fetched, volumes are mounted. */
const PASSING = ["ContainerCreating", "PodInitializing"];

/** Whether a pod is still being made, and nothing is wrong with it so far. */
export function isOnItsWay(pod: KubeObject): boolean {
  return !isEnding(pod) &&
    containersOf(pod).some(({ state }) => PASSING.includes(state?.waiting?.reason ?? ""));
}

/**
 * Where to look for why a pod is not ready: containers that fail, else those that run and are not
 * ready, unless one cannot even be started: what the others say then is that they wait.
 */
export function logPlaces(pod: KubeObject): LogPlace[] {
  if (isEnding(pod)) return [];
  const { name, namespace } = pod.metadata;
  const started = containersOf(pod).filter(({ ready, restartCount = 0, state = {} }) =>
    !ready && (state.waiting === undefined || restartCount > 0)
  );
  const failed = started.filter(({ restartCount = 0, state = {} }) =>
    restartCount > 0 || state.terminated !== undefined
  );
  const stuck = containersOf(pod).some(({ state }) =>
    state?.waiting !== undefined && !PASSING.includes(state.waiting.reason ?? "")
  );
  const places = failed.length > 0 ? failed : stuck ? [] : started;
  return places.map(({ name: container, state }) => ({
    namespace: namespace!,
    pod: name,
    container,
    previous: state?.waiting !== undefined,
  }));
}
