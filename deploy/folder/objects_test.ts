import assert from "node:assert/strict";
import { type AsyncActor, readActor, runtimeContainer } from "@asya/manifest";
import { parse } from "yaml";
import type { Code } from "./code.ts";
import type { KubeObject } from "./object.ts";
import { type Contents, objectsOf } from "./objects.ts";

const text = (value: string) => new TextEncoder().encode(value);

function code(files: Readonly<Record<string, string>>, paths = [""]): Code {
  const bytes = new Map(Object.entries(files).map(([path, value]) => [path, text(value)]));
  return { language: "python", root: "/p", paths, files: bytes, left: [] };
}

function actor(spec: string): KubeObject {
  const metadata = "metadata: {name: a, labels: {mine: yes}}";
  return parse(`{apiVersion: asya.sh/v1alpha1, kind: AsyncActor, ${metadata}, spec: ${spec}}`);
}

function built(objects: readonly KubeObject[], more: Partial<Contents> = {}) {
  const code = new Map<string, Code>();
  const contents = { name: "shop", objects, pythonImage: "python:x", code, modules: new Map() };
  return objectsOf({ ...contents, ...more });
}

/** What the operator will read. */
function asRead(object: KubeObject | undefined): AsyncActor {
  const read = readActor(object);
  if (!("actor" in read)) throw new Error(read.problems.join("\n"));
  return read.actor;
}

const SHORT = actor("{transport: r, handler: {python: {path: work.run}}}");

function hashOf(object: KubeObject | undefined): string | undefined {
  const metadata = asRead(object).spec.workload.template?.metadata as
    | { annotations?: Record<string, string> }
    | undefined;
  return metadata?.annotations?.["asya.sh/folder-hash"];
}

Deno.test("objectsOf() mounts the code of a Python actor, packages in folders too", () => {
  const files = { "work.py": "1", "lib/__init__.py": "", "sub/x.py": "2" };
  const [configMap, changed] = built([SHORT], {
    code: new Map([["a", code(files, ["sub", ""])]]),
  });
  assert.deepEqual(configMap, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a-code", labels: { "asya.sh/folder": "shop" } },
    data: { "lib.__init__.py": "", "sub.x.py": "2", "work.py": "1" },
  });
  const { spec, metadata } = asRead(changed);
  assert.equal(spec.handler, undefined);
  assert.deepEqual(metadata.labels, { mine: "yes", "asya.sh/folder": "shop" });
  const container = runtimeContainer(asRead(changed))!;
  assert.equal(container.image, "python:x");
  assert.equal(container.workingDir, "/opt/asya/code");
  assert.deepEqual(container.env, [
    { name: "ASYA_HANDLER", value: "work.run" },
    { name: "PYTHONPATH", value: "/opt/asya/code/sub:/opt/asya/code" },
  ]);
  assert.deepEqual(spec.workload.template!.spec.volumes![0]!.configMap, {
    name: "a-code",
    items: [
      { key: "lib.__init__.py", path: "lib/__init__.py" },
      { key: "sub.x.py", path: "sub/x.py" },
      { key: "work.py", path: "work.py" },
    ],
  });
});

Deno.test("objectsOf() keeps what a template says, and puts the code before its own path", () => {
  const template = "{transport: r, workload: {replicas: 2, template: {spec: {containers: [" +
    "{name: asya-runtime, image: own:1, workingDir: /app, env: [{name: PYTHONPATH, value: /lib}]}, " +
    "{name: other}]}}}}";
  const [, changed] = built([actor(template)], {
    code: new Map([["a", code({ "w.py": "" })]]),
  });
  const { workload } = asRead(changed).spec;
  const [runtime, other] = workload.template!.spec.containers;
  assert.equal(workload.replicas, 2);
  assert.deepEqual([runtime!.image, runtime!.workingDir], ["own:1", "/app"]);
  assert.deepEqual(runtime!.env, [{ name: "PYTHONPATH", value: "/opt/asya/code:/lib" }]);
  assert.deepEqual(other, { name: "other" });
});

Deno.test("objectsOf() refuses to hide a PYTHONPATH whose value it does not know", () => {
  const from = "{configMapKeyRef: {name: x, key: y}}";
  const spec =
    `{containers: [{name: asya-runtime, env: [{name: PYTHONPATH, valueFrom: ${from}}]}]}`;
  const actors = [actor(`{transport: r, workload: {template: {spec: ${spec}}}}`)];
  const packed = new Map([["a", code({ "w.py": "" })]]);
  assert.throws(() => built(actors, { code: packed }), { next: /write its value/ });
});

Deno.test("objectsOf() rolls the pods when their code or a ConfigMap that they use changes", () => {
  const withCode = (content: string) =>
    hashOf(built([SHORT], { code: new Map([["a", code({ "work.py": content })]]) })[1]);
  assert.notEqual(withCode("1"), undefined);
  assert.equal(withCode("1"), withCode("1"));
  assert.notEqual(withCode("1"), withCode("2"));

  const spec = "{containers: [{name: asya-runtime}], volumes: [{name: v, configMap: {name: m}}]}";
  const uses = actor(`{transport: r, workload: {template: {spec: ${spec}}}}`);
  const map = (name: string, data: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name },
    data: { x: data },
  });
  const withMap = (name: string, data: string) => hashOf(built([uses, map(name, data)])[1]);
  assert.notEqual(withMap("m", "1"), withMap("m", "2"));
  assert.equal(withMap("other", "1"), undefined);
});

Deno.test("objectsOf() packs a module with its digest, and leaves other actors as they are", () => {
  const wasm = actor("{transport: r, handler: {wasm: {module: {file: up.ts}, memory: 16Mi}}}");
  const module = { packed: Uint8Array.of(0x1f, 0x8b), sha256: "ab".repeat(32) };
  const [configMap, changed] = built([wasm], { modules: new Map([["a", module]]) });
  assert.deepEqual(configMap!["binaryData"], { "module.wasm": "H4s=" });
  const read = asRead(changed).spec.handler!.wasm!;
  assert.deepEqual(read.module, {
    configMap: { name: "a-module", key: "module.wasm" },
    sha256: module.sha256,
  });
  assert.equal(read.memory, "16Mi");
  const plain = actor("{transport: r, handler: {wasm: {module: {image: x/y:1}}}}");
  assert.deepEqual(built([plain])[0]!["spec"], plain["spec"]);
});

Deno.test("objectsOf() puts actors behind everything that they need", () => {
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } };
  const pod = { apiVersion: "v1", kind: "Service", metadata: { name: "x" } };
  const kinds = built([SHORT, secret, pod], {
    code: new Map([["a", code({ "work.py": "" })]]),
  }).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["Secret", "Service", "ConfigMap", "AsyncActor"]);
});
