/** Containers and pods that are killed in the middle of a call. */

import assert from "node:assert/strict";
import { Node } from "./node.ts";
import { PodLogs } from "./pod_logs.ts";
import { Stage } from "./stage.ts";
import { clusterTest } from "./system.ts";
import { since, until } from "./wait.ts";

const SECONDS = 12;

clusterTest(
  "a call whose container or node is killed is made again, counted where a sidecar saw it, and ends once",
  async () => {
    await using stage = await Stage.open();
    const sink = await stage.sink();
    const name = stage.named("killed");
    const handler = { python: { path: "work.attempts", mode: "envelope" } };
    await stage.apply(stage.python(name, "attempts", { handler, timeout: { processing: 60 } }));
    const node = await Node.open(stage);
    await stage.becomes(name, "Running", 90);
    await using logs = new PodLogs(stage, name);
    await stage.broker.send([name, sink], 1, (n) => ({ n, seconds: SECONDS }));
    const calls = (count: number) =>
      until(`call ${count}`, 90, () => logs.total("started") === count, {
        seen: () => logs.lines,
      });
    await calls(1);
    const [pod] = await stage.pods(name);

    let began = performance.now();
    await node.killContainer(pod!, "asya-runtime");
    await calls(2);
    const again = since(began);

    began = performance.now();
    await node.killPod(pod!);
    await calls(3);
    const elsewhere = since(began);

    const arrived = await stage.broker.collect(sink, 1, SECONDS + 30);
    await until("the line of its end", 10, () => logs.total("finished") > 0);
    // The sidecar that sees its handler go counts the call; one that is killed too cannot.
    assert.deepEqual([...arrived.values()], [[{ n: 0, seconds: SECONDS, attempt: 2 }]]);
    assert.deepEqual(logs.counts("started"), { "started 1": 1, "started 2": 2 });
    assert.deepEqual(logs.counts("finished"), { "finished 2": 1 });
    assert.equal(await stage.broker.waiting(`asya-${name}`), 0);
    console.log(
      `killed in a call: its container ${again} s later called again as attempt 2; its pod ` +
        `with all processes ${elsewhere} s later, elsewhere; one result`,
    );
  },
);
