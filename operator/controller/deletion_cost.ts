/**
 * Idle pods go first: when a ReplicaSet has to give up pods, it gives up the cheapest, and a pod is
 * as dear as it has messages in hand. The pods' own sidecars are asked.
 * https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost
 */

import type { KubeClient } from "../kube/client.ts";
import { keyOf } from "../kube/client.ts";
import { KubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { RESOURCES } from "../kube/resources.ts";
import { actorKeyOf } from "./ownership.ts";
import { DELETION_COST, isReady, type PodStatus } from "./pods.ts";

/** Where sidecars answer. */
const PORT = 8080;
const TIMEOUT_MS = 1_000;
const AT_ONCE = 20;
/** More than any pod that is idle. */
const BUSY = 100;
/** A sidecar's metrics are far smaller. */
const LONGEST_ANSWER = 1024 * 1024;

/** The cost of a pod with so many messages in hand. */
export function costOf(active: number): number {
  return active === 0 ? 0 : BUSY + active;
}

/** Messages in hand, from a sidecar's metrics; undefined: it does not say. */
export function activeMessages(metrics: string): number | undefined {
  const found = /^[a-zA-Z0-9_:]*active_messages(?:\{[^}]*\})? ([0-9.e+]+)$/m.exec(metrics);
  return found === null ? undefined : Number(found[1]);
}

/** Pods that there is a choice between: ready ones of actors that have more than one. */
export function candidates(pods: Iterable<KubeObject>): KubeObject[] {
  const byActor = Map.groupBy([...pods].filter(isReady), actorKeyOf);
  return [...byActor.values()].filter((some) => some.length > 1).flat();
}

/** Asks all candidates and writes what changed. What cannot be reached is left as it is. */
export async function updateCosts(
  pods: Iterable<KubeObject>,
  client: KubeClient,
): Promise<void> {
  const waiting = candidates(pods);
  const one = async () => {
    for (let pod = waiting.pop(); pod !== undefined; pod = waiting.pop()) await update(pod, client);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function update(pod: KubeObject, client: KubeClient): Promise<void> {
  const active = await ask((pod.status as PodStatus).podIP);
  if (active === undefined) return;
  const cost = String(costOf(active));
  if ((pod.metadata.annotations?.[DELETION_COST] ?? "0") === cost) return;
  try {
    const patch = { metadata: { annotations: { [DELETION_COST]: cost } } };
    await client.merge(RESOURCES.pods, keyOf(pod), patch);
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 404) throw error; // it has gone meanwhile
  }
}

async function ask(ip: string | undefined): Promise<number | undefined> {
  if (ip === undefined) return undefined;
  const host = ip.includes(":") ? `[${ip}]` : ip;
  try {
    const response = await fetch(`http://${host}:${PORT}/metrics`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const length = Number(response.headers.get("content-length") ?? 0);
    if (response.ok && length <= LONGEST_ANSWER) return activeMessages(await response.text());
    await response.body?.cancel();
    return undefined;
  } catch {
    return undefined; // unreachable: nothing is known, so nothing is changed
  }
}
