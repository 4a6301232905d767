/** Volumes that cannot be had. A pod's own status does not tell of them, only events do. */

import { keyOf, type KubeClient } from "../kube/client.ts";
import type { KubeObject } from "../kube/object.ts";
import { RESOURCES } from "../kube/resources.ts";
import type { PodWarning } from "../status/pod_view.ts";
import { type PodStatus } from "./pods.ts";

const REASONS = ["FailedMount", "FailedAttachVolume"];

/** How long a pod may take to start before anybody looks, in ms. */
export const PATIENCE_MS = 5_000;

/** A pod that has a node, and whose containers have not begun. */
export function waitsForVolumes(pod: KubeObject): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const { phase, conditions = [], containerStatuses = [] } = (pod.status ?? {}) as PodStatus;
  const scheduled = conditions.some(({ type, status }) =>
    type === "PodScheduled" && status === "True"
  );
  const creating = containerStatuses.every(({ state }) =>
    (state as { waiting?: { reason?: string } } | undefined)?.waiting?.reason ===
      "ContainerCreating"
  );
  return phase === "Pending" && scheduled && creating;
}

/** What events say of the volumes of such pods. @throws KubeError */
export async function volumeWarnings(
  client: KubeClient,
  pods: readonly KubeObject[],
): Promise<readonly PodWarning[]> {
  const names = new Set(pods.map(({ metadata: { name } }) => name));
  const [first] = pods;
  if (first === undefined) return [];
  const { namespace } = keyOf(first);
  const found: PodWarning[] = [];
  for (const reason of REASONS) {
    const fieldSelector = `involvedObject.kind=Pod,type=Warning,reason=${reason}`;
    for await (
      const { items } of client.list({ resource: RESOURCES.events, namespace, fieldSelector })
    ) {
      for (const event of items) {
        const { involvedObject, message } = event as unknown as RawEvent;
        const pod = involvedObject.name;
        if (names.has(pod)) found.push({ pod, reason, message });
      }
    }
  }
  return found;
}

interface RawEvent {
  readonly involvedObject: { readonly name: string };
  readonly message: string;
}
