/** What the operator saw of one actor: everything that its status follows from. */

import type { KubeObject } from "../kube/object.ts";
import type { ActorStatus } from "./actor_status.ts";
import type { PodWarning } from "./pod_view.ts";

/** The actor's queue: there, with what is in it; or why not; or not looked at yet. */
export type QueueSeen =
  | {
    readonly state: "ready";
    /** Messages that wait. */
    readonly queued?: number;
    /** Messages that a sidecar holds; absent where the broker does not tell. */
    readonly processing?: number;
  }
  | {
    readonly state: "failed";
    /** What is wrong and how to mend it; without secrets. */
    readonly message: string;
  }
  | { readonly state: "unknown" };

/** One look at the cluster and the broker. */
export interface Observed {
  /** When. */
  readonly now: Date;
  /** What is wrong with the spec, a sentence each; an actor that has any is not applied. */
  readonly problems: readonly string[];
  /** The actor's queue. */
  readonly queue: QueueSeen;
  /** The Deployment or StatefulSet; absent before it is made. */
  readonly workload?: KubeObject;
  /** Pods of the workload. */
  readonly pods: readonly KubeObject[];
  /** Warning events about volumes of those pods; needed only while pods are not ready. */
  readonly warnings?: readonly PodWarning[];
  /** KEDA's object; absent before it is made, and where there is none. */
  readonly scaledObject?: KubeObject;
  /** Whether the cluster has KEDA. */
  readonly keda: boolean;
  /** Why the API server refused what the operator applied last. */
  readonly applyError?: string;
  /** The kind of the object that was refused, e.g. `ScaledObject`. */
  readonly applyErrorKind?: string;
  /** The status as it was written last. */
  readonly before?: ActorStatus;
  /** Whether the actor is being deleted. */
  readonly terminating: boolean;
}
