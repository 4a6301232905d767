/** The resources that the operator reads and writes, and where the API server has them. */

import type { KubeObject } from "./object.ts";

/** One resource of the API. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

function resource(apiVersion: string, kind: string, plural: string): Resource {
  return { apiVersion, kind, plural };
}

/** By a short name. All of them live in namespaces. */
export const RESOURCES = {
  asyncActors: resource("asya.sh/v1alpha1", "AsyncActor", "asyncactors"),
  deployments: resource("apps/v1", "Deployment", "deployments"),
  statefulSets: resource("apps/v1", "StatefulSet", "statefulsets"),
  pods: resource("v1", "Pod", "pods"),
  configMaps: resource("v1", "ConfigMap", "configmaps"),
  secrets: resource("v1", "Secret", "secrets"),
  serviceAccounts: resource("v1", "ServiceAccount", "serviceaccounts"),
  services: resource("v1", "Service", "services"),
  events: resource("v1", "Event", "events"),
  leases: resource("coordination.k8s.io/v1", "Lease", "leases"),
  disruptionBudgets: resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  scaledObjects: resource("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"),
  triggerAuthentications: resource(
    "keda.sh/v1alpha1",
    "TriggerAuthentication",
    "triggerauthentications",
  ),
} as const;

const BY_KIND = new Map(
  Object.values(RESOURCES).map((one) => [`${one.apiVersion} ${one.kind}`, one] as const),
);

/** The resource of an object. @throws TypeError for a kind that is not in {@linkcode RESOURCES} */
export function resourceOf({ apiVersion, kind }: KubeObject): Resource {
  const found = BY_KIND.get(`${apiVersion} ${kind}`);
  if (found === undefined) throw new TypeError(`no resource for ${apiVersion} ${kind}`);
  return found;
}

/** Path of a collection, or with a name of one object, or with a subresource of that. */
export function pathOf(
  { apiVersion, plural }: Resource,
  at: { readonly namespace?: string; readonly name?: string; readonly subresource?: string } = {},
): string {
  const { namespace, name, subresource } = at;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  const one = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${plural}${one}${subresource === undefined ? "" : `/${subresource}`}`;
}
