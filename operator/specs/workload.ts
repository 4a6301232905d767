/** The Deployment or StatefulSet of an actor. */

import type { AsyncActor } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Facts } from "./facts.ts";
import { ownedMeta, selectorLabels } from "./names.ts";
import { podTemplate } from "./pod.ts";

/** Whether KEDA says how many pods there are; otherwise `workload.replicas` does. */
export function scaledByKeda(actor: AsyncActor, facts: Facts): boolean {
  return actor.spec.scaling.enabled && facts.keda;
}

/** Named after the actor. `replicas` is left out where KEDA owns it. */
export function workload(actor: AsyncActor, config: OperatorConfig, facts: Facts): KubeObject {
  const { kind, replicas } = actor.spec.workload;
  const { name } = actor.metadata;
  // Pods of an actor have no order: they come and go together.
  const stateful = { serviceName: name, podManagementPolicy: "Parallel" };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: ownedMeta(actor),
    spec: {
      ...!scaledByKeda(actor, facts) && { replicas },
      ...kind === "StatefulSet" && stateful,
      selector: { matchLabels: selectorLabels(name) },
      template: podTemplate(actor, config, facts),
    },
  };
}
