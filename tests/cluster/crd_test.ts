/** The CRD at a real API server: what it takes, what it refuses and how, and what 0.1.x wrote. */

import assert from "node:assert/strict";
import { parse } from "yaml";
import { Kube, kubectl } from "./kube.ts";
import { Stage } from "./stage.ts";
import { clusterTest } from "./system.ts";

const FOLDER = new URL("../../operator/api/testdata/", import.meta.url);

async function documents(name: string): Promise<{ object: object; expect: string | undefined }[]> {
  const text = await Deno.readTextFile(new URL(name, FOLDER));
  return text.split(/^---$/m).map((part) => ({
    object: parse(part),
    expect: /^# expect: (.*)/m.exec(part)?.[1]?.trim(),
  }));
}

clusterTest(
  "the API server takes good actors, and refuses bad ones in words that help",
  async () => {
    await using kube = await Kube.open();
    const good = await documents("good.yaml");
    for (const { object } of good) {
      assert.equal(await kube.refusal("default", "asyncactors", object), undefined);
    }
    const bad = await documents("bad.yaml");
    for (const { object, expect } of bad) {
      assert.ok(expect, JSON.stringify(object));
      const said = await kube.refusal("default", "asyncactors", object);
      assert.ok(said?.includes(expect), `expected ${expect}; the server said ${said}`);
    }
    console.log(`CRD: ${good.length} good actors taken, ${bad.length} bad ones refused`);
  },
);

clusterTest("kubectl explains every part of an actor's spec", async () => {
  const text = await kubectl(["explain", "asyncactor.spec.scaling"]);
  assert.match(text, /pollingInterval/);
  const fields = await kubectl(["explain", "asyncactor.spec", "--recursive"]);
  assert.match(fields, /wasm/);
});

clusterTest("a manifest of Asya 0.1.x is applied as it is, and works", async () => {
  await using stage = await Stage.open();
  const sink = await stage.sink();
  const name = stage.named("older");
  const spec = {
    sidecar: {
      resources: {
        limits: { cpu: "500m", memory: "256Mi" },
        requests: { cpu: "10m", memory: "32Mi" },
      },
      env: [{ name: "ASYA_LOG_LEVEL", value: "INFO" }],
    },
    timeout: { processing: 300, gracefulShutdown: 30 },
    scaling: { enabled: true, minReplicas: 1, maxReplicas: 3, pollingInterval: 10, queueLength: 5 },
    workload: {
      type: "Deployment",
      pythonExecutable: "python3",
      template: {
        metadata: { labels: { app: "older" } },
        spec: {
          containers: [{
            name: "asya-runtime",
            image: "python:3.13-slim",
            imagePullPolicy: "IfNotPresent",
            env: [
              { name: "ASYA_HANDLER", value: "work.echo" },
              { name: "PYTHONPATH", value: "/app" },
            ],
            volumeMounts: [{ name: "app", mountPath: "/app" }],
          }],
          volumes: [{ name: "app", configMap: { name: "work" } }],
        },
      },
    },
  };
  await stage.apply(stage.actor(name, spec));
  await stage.becomes(name, "Running", 90);
  const [id] = await stage.broker.send([name, sink], 1, () => ({ hello: "0.1" }));
  const arrived = await stage.broker.collect(sink, 1, 30);
  assert.deepEqual(arrived.get(id!), [{ hello: "0.1" }]);
});
