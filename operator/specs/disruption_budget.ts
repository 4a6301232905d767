/** A PodDisruptionBudget, for those who ask for one. */

import type { AsyncActor } from "@asya/manifest";
import type { KubeObject } from "../kube/object.ts";
import { ownedMeta, selectorLabels } from "./names.ts";

/** Annotation of an actor: how many of its pods a drain of nodes may take at once, `1` or `25%`. */
export const MAX_UNAVAILABLE_ANNOTATION = "asya.sh/max-unavailable";

/** Undefined where the annotation is not there or is no number; `specProblems` says which. */
export function disruptionBudget(actor: AsyncActor): KubeObject | undefined {
  const text = actor.metadata.annotations?.[MAX_UNAVAILABLE_ANNOTATION];
  if (text === undefined || !isAmount(text)) return undefined;
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: ownedMeta(actor),
    spec: {
      maxUnavailable: text.endsWith("%") ? text : Number(text),
      selector: { matchLabels: selectorLabels(actor.metadata.name) },
    },
  };
}

/** Whether a text is a number of pods or a percentage. */
export function isAmount(text: string): boolean {
  return /^([0-9]{1,4}|[0-9]{1,2}%|100%)$/.test(text);
}
