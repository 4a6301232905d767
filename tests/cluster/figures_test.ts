/** How fast and how small: the figures that the project promises. */

import assert from "node:assert/strict";
import { leader, usage } from "./leader.ts";
import { quickScaling, Stage } from "./stage.ts";
import { clusterTest } from "./system.ts";
import { since, until } from "./wait.ts";

const ONE_BY_ONE = 20;
const AT_ONCE = 100;

/** KEDA looks at each of many queues: seldom, here. */
const SCALING = quickScaling(2, { pollingInterval: 600 });

/** How often to look for something that is there soon. */
const SOON = { everyMs: 20 };

async function deployments({ kube, namespace }: Stage): Promise<number> {
  return (await kube.list(namespace, "deployments")).length;
}

clusterTest(
  "an actor's Deployment is there soon, also where many come at once, and the operator stays small",
  async () => {
    await using stage = await Stage.open();
    const { kube, namespace } = stage;
    const make = (name: string) =>
      kube.create(namespace, "asyncactors", stage.wasm(name, { scaling: SCALING }));
    const times: number[] = [];
    for (let n = 0; n < ONE_BY_ONE; n++) {
      const name = stage.named(`one${n}`);
      const began = performance.now();
      await make(name);
      await until(`Deployment ${name}`, 20, () => kube.get(namespace, "deployments", name), SOON);
      times.push(performance.now() - began);
    }
    const p95 = times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1]! / 1_000;

    const total = ONE_BY_ONE + AT_ONCE;
    const names = Array.from({ length: AT_ONCE }, (_, n) => stage.named(`many${n}`));
    const began = performance.now();
    await Promise.all(names.map(make));
    await until(`${total} Deployments`, 120, async () => await deployments(stage) >= total);
    const hundred = Number(since(began));
    const megabytes = (await usage(await leader(kube))).residentBytes / 1e6;
    console.log(
      `apply to Deployment: p95 ${p95.toFixed(2)} s; ${AT_ONCE} at once ${hundred} s; ` +
        `operator with ${total} actors ${megabytes.toFixed(0)} MB`,
    );
    // Goals are 1 s, 10 s and 100 MB (with 500 actors); others may be busy beside the cluster.
    assert.ok(p95 <= 3, `p95 is ${p95} s`);
    assert.ok(hundred <= 30, `${AT_ONCE} at once took ${hundred} s`);
    assert.ok(megabytes <= 110, `${megabytes} MB`);
  },
);
