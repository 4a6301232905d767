/** What building an actor's objects needs to know of the cluster, besides the actor and the settings. */

/** Read from the cluster and the image; plain values. */
export interface Facts {
  /** Files of the runtime by name, `asya_runtime.py` and `asya_runtime.mjs`. */
  readonly runtimeScripts: Readonly<Record<string, string>>;
  /** Secrets of the operator's namespace: `name/key` to the value, as text. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Whether the cluster has KEDA's `ScaledObject`. */
  readonly keda: boolean;
}
