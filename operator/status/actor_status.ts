/** `status` of an AsyncActor, as it is written. */

/** One word for the whole of an actor; the first that applies, in this order from trouble to rest. */
export type StatusWord =
  | "Terminating"
  | "ConfigError"
  | "TransportError"
  | "WorkloadError"
  | "ImagePullError"
  | "VolumeError"
  | "SidecarError"
  | "RuntimeError"
  | "PendingResources"
  | "ScalingError"
  | "Creating"
  | "Updating"
  | "ScalingUp"
  | "ScalingDown"
  | "Degraded"
  | "Napping"
  | "Running";

/** One condition, as Kubernetes' `metav1.Condition`. */
export interface Condition {
  /** What it is about. */
  readonly type:
    | "TransportReady"
    | "WorkloadReady"
    | "ScalingReady"
    | "Ready"
    | "Reconciling"
    | "Stalled";
  /** Whether it holds. */
  readonly status: "True" | "False" | "Unknown";
  /** In CamelCase. */
  readonly reason: string;
  /** What a person should know; may be empty. */
  readonly message: string;
  /** RFC 3339; when `status` last changed. */
  readonly lastTransitionTime: string;
  /** The spec that it tells of. */
  readonly observedGeneration?: number;
}

/** Where an object of the actor is. */
export interface ObjectRef {
  /** Group and version. */
  readonly apiVersion: string;
  /** Its kind. */
  readonly kind: string;
  /** Its name, in the actor's namespace. */
  readonly name: string;
}

/** Everything under `status`. */
export interface ActorStatus {
  /** The spec that this tells of. */
  readonly observedGeneration?: number;
  /** The whole in a word. */
  readonly status: StatusWord;
  /** Six of them, one a type. */
  readonly conditions: readonly Condition[];
  /** Pods that the workload has, those that end not counted. */
  readonly replicas: number;
  /** Pods that work. */
  readonly readyReplicas: number;
  /** Pods that there are, those that end included. */
  readonly totalReplicas: number;
  /** Pods that are on their way. */
  readonly pendingReplicas: number;
  /** Pods that cannot start or keep crashing. */
  readonly failingPods: number;
  /** Pods that there should be. */
  readonly desiredReplicas: number;
  /** `2/3`: ready of desired. */
  readonly readyReplicasSummary: string;
  /** For the scale subresource: a label selector as text. */
  readonly selector: string;
  /** The queue, in a word. */
  readonly transportStatus: "Ready" | "NotReady" | "Unknown";
  /** The Deployment or StatefulSet. */
  readonly workloadRef?: ObjectRef;
  /** KEDA's object. */
  readonly scaledObjectRef?: ObjectRef;
  /** RFC 3339; when `desiredReplicas` last changed. */
  readonly lastScaleTime?: string;
  /** Which way that was. */
  readonly lastScaleDirection?: "up" | "down";
  /** `5m ago (up)`. */
  readonly lastScaleFormatted?: string;
  /** Who says how many pods there are. */
  readonly scalingMode: "KEDA" | "Manual";
  /** Messages that wait. */
  readonly queuedMessages?: number;
  /** Messages that a sidecar holds; absent where the broker does not tell. */
  readonly processingMessages?: number;
}
