/** Parts of the system that go away and come back. */

import assert from "node:assert/strict";
import { runTool } from "@asya/deploy";
import { kubectl } from "./kube.ts";
import { quickScaling, Stage } from "./stage.ts";
import { clusterTest, SYSTEM } from "./system.ts";
import { since, until } from "./wait.ts";

async function lease({ kube }: Stage): Promise<{ holderIdentity: string; renewTime: string }> {
  return (await kube.get(SYSTEM, "leases", "asya-operator"))!.spec;
}

/** Everything that the operator alone writes, each with the version that it has now. */
async function versions({ kube, namespace }: Stage): Promise<Readonly<Record<string, string>>> {
  const kinds = ["asyncactors", "deployments", "configmaps"] as const;
  const found = await Promise.all(
    kinds.map(async (kind) =>
      (await kube.list(namespace, kind)).map(({ metadata }) =>
        [`${kind} ${metadata.name}`, metadata.resourceVersion] as const
      )
    ),
  );
  return Object.fromEntries(found.flat());
}

/** The same, once nothing has changed for some seconds: KEDA takes its time with new actors. */
async function settled(stage: Stage): Promise<Readonly<Record<string, string>>> {
  let seen = "";
  let since = performance.now();
  return await until("actors that have settled", 60, async () => {
    const now = await versions(stage);
    if (JSON.stringify(now) !== seen) since = performance.now();
    seen = JSON.stringify(now);
    return performance.now() - since > 5_000 && now;
  });
}

clusterTest(
  "an operator that is killed is replaced soon, and nothing is written for nothing",
  async () => {
    await using stage = await Stage.open();
    const names = Array.from({ length: 10 }, (_, n) => stage.named(`still${n}`));
    const scaling = quickScaling(2, { pollingInterval: 30 });
    await stage.apply(...names.map((name) => stage.wasm(name, { scaling })));
    for (const name of names) await stage.becomes(name, "Napping");
    const before = await settled(stage);
    const { holderIdentity: pod } = await lease(stage);
    const began = performance.now();
    const kill = ["sh", "-c", "kill -9 -1"]; // all but the first process, which ends after them
    await runTool(["kubectl", "-n", SYSTEM, "exec", pod, "-c", "operator", "--", ...kill]);
    const { renewTime } = await until("the end of the leader", 20, async () => {
      const { status } = (await stage.kube.get(SYSTEM, "pods", pod))!;
      const { restartCount, state } = status.containerStatuses[0];
      return (restartCount > 0 || state.terminated !== undefined) && lease(stage);
    });
    await until("a leader", 40, async () => (await lease(stage)).renewTime !== renewTime);
    const taken = since(began);
    const last = stage.named("last"); // it comes after all that were there
    await stage.apply(stage.wasm(last, { scaling }));
    await stage.becomes(last, "Napping");
    const after = await versions(stage);
    const kept = Object.fromEntries(Object.entries(after).filter(([key]) => key in before));
    assert.deepEqual(kept, before);
    assert.ok(Number(taken) <= 15, `an operator led after ${taken} s`);
    console.log(
      `operator killed: one leads ${taken} s later; ${names.length} actors untouched`,
    );
  },
);

const COUNT = 400;

clusterTest("RabbitMQ's pod is deleted and comes back, and nothing is lost", async () => {
  await using stage = await Stage.open();
  const sink = await stage.sink();
  const name = stage.named("through");
  await stage.apply(stage.python(name, "version", { workload: { replicas: 2 } }));
  await stage.becomes(name, "Running", 90);
  const ids = await stage.broker.send([name, sink], COUNT);
  const began = performance.now();
  await kubectl(["-n", SYSTEM, "delete", "pod", "asya-rabbitmq-0", "--wait=false"]);
  await until("a new pod of RabbitMQ", 90, async () => {
    const pod = await stage.kube.get(SYSTEM, "pods", "asya-rabbitmq-0");
    return pod !== undefined && pod.metadata.deletionTimestamp === undefined;
  });
  await stage.reconnect();
  const back = since(began);
  const more = await stage.broker.send([name, sink], COUNT);
  const all = await stage.broker.collect(sink, 2 * COUNT, 120);
  assert.deepEqual([...all.keys()].toSorted(), [...ids, ...more].toSorted());
  await stage.becomes(name, "Running", 60);
  await until("the crew", 60, async () => {
    const actors = await stage.kube.list(SYSTEM, "asyncactors");
    return actors.every(({ status }) => status.status === "Running");
  });
  const twice = [...all.values()].filter(({ length }) => length > 1).length;
  console.log(
    `RabbitMQ deleted: back after ${back} s, ${2 * COUNT} envelopes at their end after ` +
      `${since(began)} s, ${twice} of them twice`,
  );
});
