/** Actors that scale on their queue, from none to several and back. */

import assert from "node:assert/strict";
import { NOTED, sidecarStart } from "./sidecar_start.ts";
import { quickScaling, Stage } from "./stage.ts";
import { clusterTest } from "./system.ts";
import { since, until } from "./wait.ts";

const COUNT = 500;

for (const kind of ["python", "wasm"] as const) {
  clusterTest(
    `500 envelopes take a ${kind} actor from 0 to N pods and back, and all arrive`,
    async () => {
      await using stage = await Stage.open();
      const sink = await stage.sink();
      const name = stage.named(kind);
      const scaling = quickScaling(4, { queueLength: 50 });
      await stage.apply(
        kind === "python"
          ? stage.python(name, "version", { scaling })
          : stage.wasm(name, { scaling, ...NOTED }),
      );
      await stage.becomes(name, "Napping");
      const began = performance.now();
      const ids = await stage.broker.send([name, sink], COUNT);
      const first = until("a pod", 60, async () => await stage.ready(name) > 0 && since(began));
      const arrived = stage.broker.collect(sink, COUNT, 120).then((all) =>
        [all, since(began)] as const
      );
      // A plugin is in the sidecar: nothing else has to start.
      const sidecar = kind === "wasm" ? sidecarStart(stage, name) : undefined;
      const [pod, [all, drained], own] = await Promise.all([first, arrived, sidecar]);
      await until("no pod", 120, async () => (await stage.pods(name)).length === 0);
      const back = since(began);
      await stage.becomes(name, "Napping");
      assert.deepEqual([...all.keys()].toSorted(), ids.toSorted());
      const twice = [...all.values()].filter(({ length }) => length > 1).length;
      assert.equal(twice, 0);
      // The promise is 0.5 s on a machine of its own: others may be busy beside the cluster.
      assert.ok(own === undefined || own <= 3, `a sidecar took ${own} s to its first envelope`);
      console.log(
        `${kind}: ${COUNT} envelopes: first pod ready ${pod} s, all arrived ${drained} s, ` +
          `back to 0 ${back} s` +
          (own === undefined ? "" : `; sidecar's start to its first envelope ${own.toFixed(2)} s`),
      );
    },
  );
}
