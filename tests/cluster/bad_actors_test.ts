/** Actors that cannot run: the status says why, and turns well when they are mended. */

import { type Spec, Stage } from "./stage.ts";
import { clusterTest } from "./system.ts";
import { since } from "./wait.ts";

/** A pod's template with one container and more fields of it. */
function template(container: object, pod: object = {}): Spec {
  const runtime = {
    name: "asya-runtime",
    image: "python:3.13-slim",
    env: [
      { name: "ASYA_HANDLER", value: "work.echo" },
      { name: "PYTHONPATH", value: "/code" },
    ],
    volumeMounts: [{ name: "code", mountPath: "/code" }],
    ...container,
  };
  const volumes = [{ name: "code", configMap: { name: "work" } }];
  return {
    workload: { replicas: 1, template: { spec: { containers: [runtime], volumes, ...pod } } },
  };
}

const MISSING = { name: "late", mountPath: "/late" };
const CODE = { name: "code", mountPath: "/code" };

/** What is wrong, the word for it, and what mends it: another spec, or an object that was missing. */
const CASES = {
  image: {
    bad: template({ image: "example.com/nobody/has-this:1" }),
    word: "ImagePullError",
    good: template({}),
  },
  handler: {
    bad: template({
      env: [{ name: "ASYA_HANDLER", value: "work.nothing" }, {
        name: "PYTHONPATH",
        value: "/code",
      }],
    }),
    word: "RuntimeError",
    good: template({}),
  },
  secret: {
    bad: template({
      env: [
        { name: "ASYA_HANDLER", value: "work.echo" },
        { name: "PYTHONPATH", value: "/code" },
        { name: "KEY", valueFrom: { secretKeyRef: { name: "late", key: "key" } } },
      ],
    }),
    word: "ConfigError",
    comes: { kind: "Secret", stringData: { key: "k" } },
  },
  volume: {
    bad: template({ volumeMounts: [CODE, MISSING] }, {
      volumes: [
        { name: "code", configMap: { name: "work" } },
        { name: "late", configMap: { name: "late" } },
      ],
    }),
    word: "VolumeError",
    comes: { kind: "ConfigMap", data: { a: "b" } },
  },
  spec: { bad: { transport: "nobody", ...template({}) }, word: "ConfigError", good: template({}) },
} as const;

clusterTest("status says why an actor cannot run, and recovers when it is mended", async () => {
  await using stage = await Stage.open();
  const began = performance.now();
  const cases = Object.entries(CASES).map(([name, one]) => ({ name: stage.named(name), ...one }));
  await stage.apply(...cases.map(({ name, bad }) => stage.actor(name, bad)));
  const said = await Promise.all(cases.map(async ({ name, word }) => {
    await stage.becomes(name, word, 120);
    return `${word} ${since(began)} s`;
  }));
  const mended = performance.now();
  const objects = cases.map((one) =>
    "good" in one
      ? stage.actor(one.name, one.good)
      : { apiVersion: "v1", metadata: { name: "late" }, ...one.comes }
  );
  await stage.apply(...objects);
  await Promise.all(cases.map(({ name }) => stage.becomes(name, "Running", 180)));
  console.log(`bad actors: ${said.join(", ")}; all run ${since(mended)} s after they are mended`);
});
