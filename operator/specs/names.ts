/** Names and labels of what the operator makes. */

import type { AsyncActor } from "@asya/manifest";
import type { ObjectMeta } from "../kube/object.ts";

/** ConfigMap with the runtime's script, one a namespace. */
export const RUNTIME_CONFIG_MAP = "asya-runtime";

/** Copy of the gateway's mesh token, one a namespace; key `token`. */
export const MESH_TOKEN_SECRET = "asya-mesh-token";

/** Copy of a transport's credentials, one a transport and namespace. */
export function transportSecretName(transport: string): string {
  return `asya-transport-${transport}`;
}

/** KEDA's way to the queue. */
export function triggerAuthenticationName(actor: string): string {
  return `${actor}-trigger-auth`;
}

/** Tells the operator's objects from everybody else's. */
export const MANAGED_BY: Readonly<Record<string, string>> = {
  "app.kubernetes.io/managed-by": "asya-operator",
};

/** What selects an actor's pods. It never changes: a workload's selector cannot. */
export function selectorLabels(actor: string): Readonly<Record<string, string>> {
  return { "asya.sh/actor": actor };
}

/** The selector as the scale subresource wants it. */
export function selectorText(actor: string): string {
  return Object.entries(selectorLabels(actor)).map(([key, value]) => `${key}=${value}`).join(",");
}

/** Labels of everything that is made for one actor. */
export function actorLabels(actor: string): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/name": actor,
    "app.kubernetes.io/component": "actor",
    ...MANAGED_BY,
    ...selectorLabels(actor),
  };
}

/**
 * `metadata` of an actor's object: its labels and ours, and the actor as its owner, so that the two
 * are deleted together.
 */
export function ownedMeta(actor: AsyncActor, name: string = actor.metadata.name): ObjectMeta {
  const { apiVersion, kind, metadata: { name: owner, namespace, uid, labels } } = actor;
  const controller = { controller: true, blockOwnerDeletion: true };
  return {
    name,
    ...namespace !== undefined && { namespace },
    labels: { ...labels, ...actorLabels(owner) },
    ...uid !== undefined &&
      { ownerReferences: [{ apiVersion, kind, name: owner, uid, ...controller }] },
  };
}
