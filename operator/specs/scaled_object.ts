/** KEDA's ScaledObject of an actor. https://keda.sh/docs/latest/reference/scaledobject-spec/ */

import type { AsyncActor, ScalingSpec } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import { ownedMeta } from "./names.ts";
import { queueTrigger } from "./trigger.ts";

/** Up at once, twofold or by ten; down by one pod a minute, once five minutes agree on it. */
const BEHAVIOR = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: "Max",
    policies: [
      { type: "Pods", value: 10, periodSeconds: 60 },
      { type: "Percent", value: 100, periodSeconds: 60 },
    ],
  },
  scaleDown: {
    stabilizationWindowSeconds: 300,
    policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
  },
};

function advanced({ advanced = {} }: ScalingSpec) {
  const { formula, target, activationTarget, metricType } = advanced;
  const { restoreToOriginalReplicaCount, behavior = BEHAVIOR } = advanced;
  const modifiers = { formula, target, activationTarget, metricType };
  const set = Object.entries(modifiers).filter(([, value]) => value !== undefined);
  return {
    horizontalPodAutoscalerConfig: { behavior },
    ...restoreToOriginalReplicaCount !== undefined && { restoreToOriginalReplicaCount },
    ...set.length > 0 && { scalingModifiers: Object.fromEntries(set) },
  };
}

/** Pausing and the like: KEDA reads them off its own object, people write them on the actor. */
function kedaAnnotations({ metadata }: AsyncActor): Readonly<Record<string, string>> {
  const all = Object.entries(metadata.annotations ?? {});
  return Object.fromEntries(all.filter(([key]) => key.startsWith("autoscaling.keda.sh/")));
}

/** Named after the actor. */
export function scaledObject(actor: AsyncActor, config: OperatorConfig): KubeObject {
  const { scaling, workload } = actor.spec;
  const annotations = kedaAnnotations(actor);
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: {
      ...ownedMeta(actor),
      ...Object.keys(annotations).length > 0 && { annotations },
    },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: workload.kind, name: actor.metadata.name },
      minReplicaCount: scaling.minReplicas,
      maxReplicaCount: scaling.maxReplicas,
      pollingInterval: scaling.pollingInterval,
      cooldownPeriod: scaling.cooldownPeriod,
      advanced: advanced(scaling),
      triggers: [queueTrigger(actor, config), ...scaling.triggers],
    },
  };
}
