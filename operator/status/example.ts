/** Objects of a cluster as the status sees them, for this room's tests. */

import type { KubeObject } from "../kube/object.ts";

/** A Deployment with so many pods of each sort; `more` goes over its status. */
export function exampleWorkload(
  desired: number,
  ready: number,
  more: Readonly<Record<string, unknown>> = {},
): KubeObject {
  const replicas = (more["replicas"] as number | undefined) ?? desired;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "prep", generation: 4 },
    spec: { replicas: desired },
    status: {
      observedGeneration: 4,
      replicas,
      readyReplicas: ready,
      updatedReplicas: replicas,
      ...more,
    },
  };
}

/** A pod; `status` goes over that of one that is ready. */
export function examplePod(
  name: string,
  status: Readonly<Record<string, unknown>> = {},
  metadata: Readonly<Record<string, string>> = {},
): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }], ...status },
  };
}

/** A pod that waits for no trouble that it knows of. */
export function startingPod(name: string): KubeObject {
  return examplePod(name, { conditions: [{ type: "Ready", status: "False" }] });
}

/** A pod with one container in the given state. */
export function troubledPod(
  name: string,
  container: Readonly<Record<string, unknown>>,
): KubeObject {
  return examplePod(name, {
    conditions: [{ type: "Ready", status: "False" }],
    containerStatuses: [{ name: "asya-runtime", ready: false, restartCount: 0, ...container }],
  });
}

/** A pod that no node takes, for the given reason. */
export function unscheduledPod(name: string, message: string): KubeObject {
  return examplePod(name, {
    phase: "Pending",
    conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }],
  });
}
