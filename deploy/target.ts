/** Which release in which cluster: the command lines that every step begins with. */

/** Name of the Helm release, and of the chart. */
export const RELEASE = "asya";

/** Where to work. */
export interface Target {
  /** Name of the Helm release. */
  readonly release: string;
  /** The release's namespace. */
  readonly namespace: string;
  /** `kubectl`, its context and namespace. */
  readonly kubectl: readonly string[];
  /** `helm`, its context and namespace. */
  readonly helm: readonly string[];
  /** Prints the context that is used; fails where there is none. */
  readonly currentContext: readonly string[];
}

/**
 * The command lines for a namespace.
 *
 * @param context of the kubeconfig; undefined: its current one
 */
export function targetOf(namespace: string, context: string | undefined): Target {
  const kubectl = context === undefined ? [] : ["--context", context];
  const helm = context === undefined ? [] : ["--kube-context", context];
  return {
    release: RELEASE,
    namespace,
    kubectl: ["kubectl", ...kubectl, "-n", namespace],
    helm: ["helm", ...helm, "-n", namespace],
    currentContext: context === undefined
      ? ["kubectl", "config", "current-context"]
      : ["kubectl", "config", "get-contexts", context, "-o", "name"],
  };
}
