/** What a Deployment or StatefulSet says about itself. */

import type { KubeObject } from "../kube/object.ts";

/** The same of either kind. */
export interface WorkloadView {
  /** Pods that there should be. */
  readonly desired: number;
  /** Pods that it has. */
  readonly replicas: number;
  /** Those that are ready. */
  readonly ready: number;
  /** Whether pods of an older template are being replaced. */
  readonly updating: boolean;
  /** Why it cannot make pods; absent when it can. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

interface RawStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly updatedReplicas?: number;
  readonly currentRevision?: string;
  readonly updateRevision?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
  }[];
}

function failureOf({ conditions = [] }: RawStatus): WorkloadView["failure"] {
  const failed =
    conditions.find(({ type, status }) => type === "ReplicaFailure" && status === "True") ??
      conditions.find(({ type, status, reason }) =>
        type === "Progressing" && status === "False" && reason === "ProgressDeadlineExceeded"
      );
  if (failed === undefined) return undefined;
  return { reason: failed.reason ?? failed.type, message: failed.message ?? "" };
}

/** Reads either kind; a status that is older than its spec counts as an update that goes on. */
export function workloadView(workload: KubeObject): WorkloadView {
  const { replicas: desired = 1 } = (workload.spec ?? {}) as { replicas?: number };
  const status = (workload.status ?? {}) as RawStatus;
  const { replicas = 0, readyReplicas: ready = 0, updatedReplicas = 0 } = status;
  const seen = (status.observedGeneration ?? 0) >= (workload.metadata.generation ?? 0);
  const revisions = status.currentRevision === undefined ||
    status.currentRevision === status.updateRevision;
  // A StatefulSet whose revisions agree may leave out how many are updated.
  const updated = workload.kind === "StatefulSet" ? revisions : updatedReplicas >= replicas;
  const failure = failureOf(status);
  return { desired, replicas, ready, updating: !seen || !updated, ...failure && { failure } };
}
