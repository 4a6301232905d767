/** Pods of actors, as small as they are kept. */

import type { KubeObject } from "../kube/object.ts";

/** How dear a pod is to the ReplicaSet that has to give one up. */
export const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";

/** A container's state. */
interface ContainerStatus {
  readonly name: string;
  readonly [other: string]: unknown;
}

/** The members of a pod's status that are read. */
export interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly startTime?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

/** A pod without its spec, of which only the names of containers and the node matter. */
export function slimPod(pod: KubeObject): KubeObject {
  const { apiVersion, kind, metadata } = pod;
  const {
    name,
    namespace,
    uid,
    resourceVersion,
    creationTimestamp,
    deletionTimestamp,
    labels,
    annotations,
    ownerReferences,
  } = metadata;
  const cost = annotations?.[DELETION_COST];
  const status = (pod.status ?? {}) as PodStatus;
  const { phase, podIP, reason, message, startTime, conditions } = status;
  const { containerStatuses, initContainerStatuses } = status;
  return without({
    apiVersion,
    kind,
    metadata: without({
      name,
      namespace,
      uid,
      resourceVersion,
      creationTimestamp,
      deletionTimestamp,
      labels,
      ...cost === undefined ? {} : { annotations: { [DELETION_COST]: cost } },
      ownerReferences,
    }) as KubeObject["metadata"],
    status: without({
      phase,
      podIP,
      reason,
      message,
      startTime,
      conditions,
      containerStatuses,
      initContainerStatuses,
    }),
  });
}

function without<T extends object>(value: T): T {
  const kept = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(kept) as T;
}

/** Whether a pod takes part in the work. */
export function isReady(pod: KubeObject): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const { conditions = [] } = pod.status as PodStatus;
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
