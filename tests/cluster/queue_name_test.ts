/** An actor on a queue that is not the operator's. */

import assert from "node:assert/strict";
import { kubectl } from "./kube.ts";
import { quickScaling, Stage } from "./stage.ts";
import { clusterTest } from "./system.ts";
import { until } from "./wait.ts";

const COUNT = 60;

clusterTest(
  "spec.queueName: an actor scales on an existing queue, which is neither made nor deleted",
  async () => {
    await using stage = await Stage.open();
    const [name, queue, sink] = [stage.named("clerk"), stage.named("orders"), await stage.sink()];
    const scaling = quickScaling(3, { queueLength: 10 });
    const spec = { queueName: queue, scaling };
    const deletion = { "asya.sh/queue-deletion": "Delete" };
    const handler = { wasm: { module: { configMap: { name: "echo", key: "echo.wasm" } } } };
    await stage.apply(stage.actor(name, { handler, ...spec }, deletion));
    await stage.becomes(name, "TransportError");
    assert.equal(await stage.broker.waiting(queue), undefined, "nobody made it");

    await stage.broker.sink(queue);
    await stage.becomes(name, "Napping", 90);
    const ids = await stage.broker.send([name, sink], COUNT);
    const arrived = await stage.broker.collect(sink, COUNT, 90);
    assert.deepEqual([...arrived.keys()].toSorted(), ids.toSorted());
    await until("no pod", 90, async () => (await stage.pods(name)).length === 0);
    assert.equal(await stage.broker.waiting(`asya-${name}`), undefined, "a queue of its own");

    await kubectl(["-n", stage.namespace, "delete", "asyncactor", name, "--timeout=60s"], 70);
    assert.equal(await stage.broker.waiting(queue), 0, "it stays");
    await stage.broker.forget(queue);
  },
);
