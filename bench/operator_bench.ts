/**
 * The operator with many actors, on the cluster that `KUBECONFIG` names; the system is installed for
 * it, or is there already with `ASYA_TEST_INSTALLED=1`. Takes ten minutes and more.
 */

import type { Live } from "../tests/cluster/kube.ts";
import { kubectl } from "../tests/cluster/kube.ts";
import { applied, leader, usage } from "../tests/cluster/leader.ts";
import { quickScaling, Stage } from "../tests/cluster/stage.ts";
import { FOUND, installed, removed, SYSTEM } from "../tests/cluster/system.ts";
import { until } from "../tests/cluster/wait.ts";
import type { Row } from "./row.ts";

const ACTORS = 500;
/** Actors that are created at once: a person's cluster does other things, too. */
const BATCH = 50;
const PATIENCE_S = 900;
const STEADY_S = 60;
/** KEDA looks at each queue: seldom, here. */
const SCALING = quickScaling(2, { pollingInterval: 600 });

/** Whether nothing is left to be said of an actor. */
function settled({ status }: Live): boolean {
  const conditions: readonly { type: string; status: string }[] = status?.conditions ?? [];
  const scaled = conditions.find(({ type }) => type === "ScalingReady");
  return status?.status === "Napping" && scaled?.status === "True" &&
    status.queuedMessages !== undefined;
}

/** Versions of all actors, by name: only the operator writes them, once they are made. */
async function versions({ kube, namespace }: Stage): Promise<Map<string, string>> {
  const actors = await kube.list(namespace, "asyncactors");
  return new Map(actors.map(({ metadata: { name, resourceVersion } }) => [name, resourceVersion]));
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}

async function measure(stage: Stage): Promise<Row[]> {
  const { kube, namespace } = stage;
  const names = Array.from({ length: ACTORS }, (_, n) => stage.named(`actor${n}`));
  for (let n = 0; n < ACTORS; n += BATCH) {
    const some = names.slice(n, n + BATCH);
    const make = (name: string) =>
      kube.create(namespace, "asyncactors", stage.wasm(name, { scaling: SCALING }));
    await Promise.all(some.map(make));
  }
  let left = ACTORS;
  const all = async () => {
    const actors = await kube.list(namespace, "asyncactors");
    left = ACTORS - actors.filter(settled).length;
    return left === 0;
  };
  await until("all actors at rest", PATIENCE_S, all, { seen: () => left, everyMs: 5_000 });

  const pod = await leader(kube);
  const before = await usage(pod);
  await pause(STEADY_S);
  const after = await usage(pod);
  const cores = (after.cpuSeconds - before.cpuSeconds) / STEADY_S;

  const known = await versions(stage);
  await kubectl(["-n", SYSTEM, "delete", "pod", pod]);
  const next = await until("another leader", 60, async () => {
    const found = await leader(kube);
    return found !== pod && found !== "" && found;
  });
  await pause(STEADY_S);
  const again = await versions(stage);
  const told = [...known].filter(([name, version]) => again.get(name) !== version).length;
  const written = told + await applied(next);
  const restarted = await usage(next);
  return [
    { name: `memory with ${ACTORS} actors`, value: after.residentBytes / 1e6, ...MEGABYTES },
    { name: "cores in use, all at rest", value: cores, unit: "cores", goal: { atMost: 0.05 } },
    { name: "memory after a restart", value: restarted.residentBytes / 1e6, ...MEGABYTES },
    { name: "objects written by a restart", value: written, unit: "", goal: { atMost: 0 } },
  ];
}

const MEGABYTES = { unit: "MB", goal: { atMost: 100 } } as const;

/** Installs, measures, and removes what it installed. */
export async function bench(): Promise<Row[]> {
  await installed();
  try {
    await using stage = await Stage.open();
    return await measure(stage);
  } finally {
    if (!FOUND) await removed();
  }
}
