/** Pods that go while there is work: nothing is lost, and no handler is interrupted. */

import assert from "node:assert/strict";
import { PodLogs } from "./pod_logs.ts";
import { quickScaling, Stage } from "./stage.ts";
import { clusterTest } from "./system.ts";
import { since, until } from "./wait.ts";

const SECONDS = 20;

clusterTest("pods that are taken away finish the calls they have begun, once", async () => {
  await using stage = await Stage.open();
  const sink = await stage.sink();
  const name = stage.named("slow");
  const spec = (replicas: number) => ({
    workload: { replicas },
    timeout: { processing: 60, gracefulShutdown: 10 },
  });
  await stage.apply(stage.python(name, "slow", spec(3)));
  await stage.becomes(name, "Running", 90);
  await using logs = new PodLogs(stage, name);
  await stage.broker.send([name, sink], 6, (n) => ({ n, seconds: SECONDS }));
  await until("three calls", 30, () => Object.keys(logs.counts("started")).length === 3);
  await stage.apply(stage.python(name, "slow", spec(0)));
  const began = performance.now();
  const all = await stage.broker.collect(sink, 3, SECONDS + 30);
  await until("no pod", 60, async () => (await stage.pods(name)).length === 0);
  const gone = since(began);
  assert.equal(all.size, 3);
  assert.ok([...all.values()].every(({ length }) => length === 1));
  const [started, finished] = [logs.counts("started"), logs.counts("finished")];
  assert.equal(Object.keys(started).length, 3, "nothing more was begun");
  assert.equal(Object.keys(finished).length, 3);
  assert.ok(Object.values({ ...started, ...finished }).every((count) => count === 1));
  assert.equal(await stage.broker.waiting(`asya-${name}`), 3, "what was not begun waits");
  console.log(
    `scale-in: 3 pods with calls of ${SECONDS} s were gone ${gone} s later; each call once`,
  );
});

clusterTest(
  "KEDA takes idle pods away first, and a call of some length is not interrupted",
  async () => {
    await using stage = await Stage.open();
    const sink = await stage.sink();
    const name = stage.named("uneven");
    const scaling = quickScaling(3, { queueLength: 1 });
    await stage.apply(stage.python(name, "slow", { scaling }));
    await stage.becomes(name, "Napping");
    await using logs = new PodLogs(stage, name);
    const ids = await stage.broker.send([name, sink], 6, (n) => ({ n, seconds: n === 0 ? 25 : 3 }));
    const all = stage.broker.collect(sink, 6, 150);
    const most = until("several pods", 60, async () => await stage.ready(name) > 1);
    await Promise.all([all, most]);
    await until("no pod", 120, async () => (await stage.pods(name)).length === 0);
    assert.deepEqual([...(await all).keys()].toSorted(), ids.toSorted());
    const [started, finished] = [logs.counts("started"), logs.counts("finished")];
    assert.equal(Object.keys(started).length, 6);
    assert.ok(Object.values({ ...started, ...finished }).every((count) => count === 1));
  },
);

const LOAD = 1_200;

clusterTest("a rolling update under load loses nothing", async () => {
  await using stage = await Stage.open();
  const sink = await stage.sink();
  const name = stage.named("rolled");
  const spec = (version: string) => ({
    timeout: { processing: 20, gracefulShutdown: 10 },
    workload: {
      replicas: 2,
      template: {
        spec: {
          containers: [{
            name: "asya-runtime",
            image: "python:3.13-slim",
            env: [
              { name: "ASYA_HANDLER", value: "work.version" },
              { name: "PYTHONPATH", value: "/code" },
              { name: "VERSION", value: version },
            ],
            volumeMounts: [{ name: "code", mountPath: "/code" }],
          }],
          volumes: [{ name: "code", configMap: { name: "work" } }],
        },
      },
    },
  });
  await stage.apply(stage.actor(name, spec("1")));
  await stage.becomes(name, "Running", 90);
  const ids = await stage.broker.send([name, sink], LOAD);
  const began = performance.now();
  await stage.apply(stage.actor(name, spec("2")));
  const all = await stage.broker.collect(sink, LOAD, 150);
  const took = since(began);
  await stage.becomes(name, "Running", 90);
  assert.deepEqual([...all.keys()].toSorted(), ids.toSorted());
  const by = Map.groupBy(all.values(), ([payload]) => (payload as { version: string }).version);
  assert.deepEqual([...by.keys()].toSorted(), ["1", "2"]);
  const twice = [...all.values()].filter(({ length }) => length > 1).length;
  assert.equal(twice, 0);
  console.log(
    `rolling update: ${LOAD} envelopes in ${took} s, ${by.get("1")!.length} by the old pods, ` +
      `${by.get("2")!.length} by the new ones, none lost, none twice`,
  );
});
