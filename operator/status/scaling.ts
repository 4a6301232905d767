/** What KEDA says of an actor's ScaledObject. */

import type { AsyncActorSpec } from "@asya/manifest";
import type { KubeObject } from "../kube/object.ts";
import type { Condition } from "./actor_status.ts";
import type { Observed } from "./observed.ts";

/** `ScalingReady`, and which of us says how many pods there are. */
export interface Scaling {
  readonly mode: "KEDA" | "Manual";
  readonly condition: Pick<Condition, "status" | "reason" | "message">;
}

interface RawCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

function ofKeda(scaledObject: KubeObject | undefined): Scaling["condition"] {
  const { conditions = [] } = (scaledObject?.status ?? {}) as { conditions?: RawCondition[] };
  const find = (type: string) => conditions.find((condition) => condition.type === type);
  const paused = find("Paused");
  if (paused?.status === "True") {
    return { status: "True", reason: "Paused", message: "scaling is paused by an annotation" };
  }
  const ready = find("Ready");
  if (ready === undefined || ready.status === "Unknown") {
    return { status: "Unknown", reason: "Waiting", message: "KEDA has not looked at it yet" };
  }
  const { reason = "Keda", message = "" } = ready;
  if (ready.status === "True") return { status: "True", reason: "ScaledByKeda", message: "" };
  return { status: "False", reason, message: `KEDA: ${message}` };
}

/** KEDA away is no error of the actor's: it runs, with the replicas of its spec. */
export function scalingOf(
  spec: AsyncActorSpec | undefined,
  { keda, scaledObject, before }: Pick<Observed, "keda" | "scaledObject" | "before">,
): Scaling {
  if (spec === undefined) {
    const message = "the spec is wrong; what was made before stays as it is";
    const condition = { status: "Unknown", reason: "InvalidSpec", message } as const;
    return { mode: before?.scalingMode ?? "Manual", condition };
  }
  if (!spec.scaling.enabled) {
    const message = "spec.scaling.enabled is false";
    return { mode: "Manual", condition: { status: "True", reason: "ScalingOff", message } };
  }
  if (!keda) {
    const message =
      "KEDA is not installed, so the actor runs with spec.workload.replicas: install " +
      "KEDA, or set spec.scaling.enabled to false";
    return { mode: "Manual", condition: { status: "False", reason: "KedaMissing", message } };
  }
  return { mode: "KEDA", condition: ofKeda(scaledObject) };
}
