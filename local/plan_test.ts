import assert from "node:assert/strict";
import { parseManifests } from "@asya/manifest";
import { type ActorPlan, fingerprint, planActor, type ProcessPlan } from "./plan.ts";
import { statePaths } from "./state_folder.ts";
import { makeProject, pythonActor } from "./testing/project.ts";

function plan(dir: string, text: string, env: Record<string, string> = {}): ActorPlan {
  const manifests = parseManifests([{ path: `${dir}/sub/a.yaml`, text }]);
  return planActor(manifests.actors[0]!, manifests, {
    dir,
    state: statePaths(dir),
    env,
    sidecar: { ASYA_TRANSPORT: "sqlite" },
    socketFolder: (actor) => `/run/${actor}`,
  });
}

const TEMPLATE = `apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: prep, annotations: {} }
spec:
  transport: rabbitmq
  workload:
    template:
      spec:
        containers:
          - name: asya-runtime
            image: mine:1
            env:
              - { name: ASYA_HANDLER, value: app.run }
              - { name: PYTHONPATH, value: "/app:/opt/lib" }
              - { name: MODEL, valueFrom: { configMapKeyRef: { name: settings, key: model } } }
              - { name: KEY, valueFrom: { secretKeyRef: { name: keys, key: k } } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { model: small }
`;

Deno.test("planActor() takes code from beside the manifest, then from the folder, and says which", async () => {
  await using project = await makeProject({ "sub/app.py": "" });
  const { dir } = project;
  const { handler, notes } = plan(dir, TEMPLATE, { PYTHONPATH: "/mine" });
  const { env, code, cwd } = handler as ProcessPlan;
  assert.deepEqual(code, [`${dir}/sub`, dir]);
  assert.equal(env["PYTHONPATH"], `${dir}/sub:${dir}:/mine`);
  assert.equal(cwd, dir);
  assert.equal(env["MODEL"], "small");
  assert.equal(env["ASYA_SOCKET_DIR"], "/run/prep");
  assert.deepEqual(notes, [
    "KEY refers to Secret keys, which was not found",
    `code from ${dir}/sub`,
    "image mine:1 is not used here: your Python runs the handler",
  ]);
});

Deno.test("planActor() takes code from where asya.sh/local-path says, relative to the manifest", async () => {
  await using project = await makeProject({ "src/app.py": "" });
  const { dir } = project;
  const text = TEMPLATE.replace("{}", '{ asya.sh/local-path: "../src" }');
  const { handler, notes } = plan(dir, text);
  assert.deepEqual((handler as ProcessPlan).code, [`${dir}/src`]);
  assert.ok(notes.includes(`code from ${dir}/src (asya.sh/local-path)`));
  assert.throws(() => plan(dir, text.replace("../src", "../nowhere")), {
    code: "wrong_plan",
    message: /asya.sh\/local-path of prep is ..\/nowhere, which is not there/,
  });
});

Deno.test("planActor() finds a JavaScript handler by its path, beside the manifest or in a ConfigMap", async () => {
  await using project = await makeProject({ "src/app.ts": "" });
  const { dir } = project;
  const beside = TEMPLATE.replace("value: app.run", 'value: "src/app.ts:run"');
  const { handler, notes } = plan(dir, beside);
  const { kind, cwd, code } = handler as ProcessPlan;
  assert.deepEqual([kind, cwd, code], ["deno", dir, [`${dir}/src`]]);
  assert.ok(notes.includes(`code from ${dir}`), notes.join("\n"));
  assert.match(notes.join("\n"), /mine:1 is not used here: the Deno that runs this/);

  const mounted = `apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: prep }
spec:
  transport: rabbitmq
  workload:
    pythonExecutable: node
    template:
      spec:
        containers:
          - name: asya-runtime
            image: mine:1
            env: [{ name: ASYA_HANDLER, value: "/app/handler.mjs:run" }]
            volumeMounts: [{ name: code, mountPath: /app }]
        volumes: [{ name: code, configMap: { name: handler } }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: handler }
data: { handler.mjs: "export const run = (x) => x;" }
`;
  const inMap = plan(dir, mounted);
  const { kind: node, cwd: folder, env } = inMap.handler as ProcessPlan;
  assert.equal(node, "node");
  assert.ok(folder.endsWith("/app") && env["ASYA_HANDLER"] === `${folder}/handler.mjs:run`, folder);
  assert.match(inMap.notes.join("\n"), /code from .*\(ConfigMap handler\)/);
});

Deno.test("planActor() says when the module is nowhere to be seen", async () => {
  await using project = await makeProject({});
  const { dir } = project;
  const { notes } = plan(dir, pythonActor("prep", "numpy_tricks.run"));
  assert.match(notes[0]!, /the module of numpy_tricks.run is not in .*; it must be installed/);
});

Deno.test("planActor() refuses a module that is not here, or that only a cluster has", async () => {
  await using project = await makeProject({});
  const { dir } = project;
  const wasm = (module: string) =>
    pythonActor("prep", "x.y").replace(/python: .*/, `wasm: { module: { ${module} } } }`);
  assert.throws(() => plan(dir, wasm("file: a.wasm")), { message: /a.wasm, is not there$/ });
  assert.throws(() => plan(dir, wasm("volume: { name: v, path: a.wasm }")), {
    message: /works in a cluster only/,
  });
  assert.throws(() => plan(dir, wasm("configMap: { name: a, key: b }")), {
    message: /key b of ConfigMap a, which is not in this folder/,
  });
});

Deno.test("fingerprint() differs when anything of the plan does", async () => {
  await using project = await makeProject({ "sub/app.py": "" });
  const { dir } = project;
  const print = fingerprint(plan(dir, TEMPLATE));
  assert.equal(fingerprint(plan(dir, TEMPLATE)), print);
  assert.notEqual(fingerprint(plan(dir, TEMPLATE.replace("small", "large"))), print);
  assert.notEqual(
    fingerprint(plan(dir, TEMPLATE.replace("  workload", "  concurrency: 2\n  workload"))),
    print,
  );
});
