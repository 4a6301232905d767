/** An actor on SQS, beside those on RabbitMQ. */

import assert from "node:assert/strict";
import { kubectl } from "./kube.ts";
import { Sqs } from "./sqs.ts";
import { quickScaling, Stage } from "./stage.ts";
import { clusterTest, deployAgain, SYSTEM } from "./system.ts";
import { since, until } from "./wait.ts";

const COUNT = 100;
/** The system that was found may not know the transport. */
async function knowsSqs(): Promise<void> {
  const path = "jsonpath={.data.operator\\.yaml}";
  const settings = await kubectl(["-n", SYSTEM, "get", "configmap", "asya-operator", "-o", path]);
  if (!settings.includes("asya-test-sqs")) await deployAgain();
}

clusterTest("an actor on SQS goes from 0 to N pods and back by KEDA's aws-sqs-queue", async () => {
  await knowsSqs();
  await using sqs = await Sqs.open();
  await using stage = await Stage.open();
  const [name, sink] = [stage.named("parcels"), stage.named("out")];
  await sqs.sink(sink);
  const scaling = quickScaling(3, { queueLength: 20 });
  await stage.apply(stage.wasm(name, { transport: "sqs", scaling }));
  await stage.becomes(name, "Napping");
  const began = performance.now();
  const ids = await sqs.send([name, sink], COUNT);
  const first = until("a pod", 60, async () => await stage.ready(name) > 0 && since(began));
  const [pod, arrived] = await Promise.all([first, sqs.collect(sink, COUNT, 120)]);
  const all = since(began);
  await until("no pod", 120, async () => (await stage.pods(name)).length === 0);
  assert.deepEqual([...arrived.keys()].toSorted(), ids.toSorted());
  assert.ok([...arrived.values()].every((count) => count === 1));
  console.log(
    `SQS: ${COUNT} envelopes: first pod ready ${pod} s, all arrived ${all} s, back to 0 ` +
      `${since(began)} s`,
  );
});
