import assert from "node:assert/strict";
import {
  type AsyncActor,
  type EnvVar,
  parseManifests,
  resolveEnvironment,
  runtimeEnvironment,
  sidecarEnvironment,
} from "./mod.ts";

function actor(spec: string): AsyncActor {
  const text = "{apiVersion: asya.sh/v1alpha1, kind: AsyncActor, metadata: {name: prep}, " +
    `spec: {transport: rabbitmq, ${spec}}}`;
  return parseManifests([{ path: "a.yaml", text }]).actors[0]!.value;
}

function values(variables: readonly EnvVar[]): Record<string, string | undefined> {
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}

const PYTHON = "handler: {python: {path: app.run, mode: envelope}}";

Deno.test("runtimeEnvironment() of the short form names handler and mode", () => {
  const env = values(runtimeEnvironment(actor(PYTHON), { ASYA_SOCKET_DIR: "/run/a" }));
  assert.equal(env["ASYA_HANDLER"], "app.run");
  assert.equal(env["ASYA_HANDLER_MODE"], "envelope");
  assert.equal(env["ASYA_SOCKET_DIR"], "/run/a");
});

Deno.test("runtimeEnvironment() lets the user's variables win, but not over what is given", () => {
  const container = "{name: asya-runtime, env: [{name: ASYA_BATCH_SIZE, value: '7'}, " +
    "{name: ASYA_SOCKET_DIR, value: /mine}, {name: MODEL, value: small}]}";
  const it = actor(`workload: {template: {spec: {containers: [${container}]}}}`);
  const env = values(runtimeEnvironment(it, { ASYA_SOCKET_DIR: "/run/a" }));
  assert.equal(env["ASYA_BATCH_SIZE"], "7");
  assert.equal(env["ASYA_SOCKET_DIR"], "/run/a");
  assert.equal(env["MODEL"], "small");
});

Deno.test("both environments have at least the concurrency of the batch size", () => {
  const it = actor(`${PYTHON}, concurrency: 2, batch: {size: 8, wait: 5ms}`);
  assert.equal(values(runtimeEnvironment(it, {}))["ASYA_CONCURRENCY"], "8");
  assert.equal(values(runtimeEnvironment(it, {}))["ASYA_BATCH_WAIT"], "5ms");
  assert.equal(values(sidecarEnvironment(it, {}))["ASYA_CONCURRENCY"], "8");
});

Deno.test("sidecarEnvironment() carries time-outs, policies and the user's variables", () => {
  const it = actor(
    `${PYTHON}, timeout: {processing: 9, gracefulShutdown: 4}, ` +
      "resiliency: {policies: {default: {maxAttempts: 2}}}, " +
      "sidecar: {env: [{name: ASYA_LOG_LEVEL, value: debug}, {name: ASYA_ACTOR_NAME, value: x}]}",
  );
  const env = values(sidecarEnvironment(it, { ASYA_TRANSPORT: "sqlite" }));
  assert.equal(env["ASYA_ACTOR_NAME"], "prep");
  assert.equal(env["ASYA_TRANSPORT"], "sqlite");
  assert.equal(env["ASYA_RUNTIME_TIMEOUT"], "9s");
  assert.equal(env["ASYA_SHUTDOWN_GRACE"], "4s");
  assert.deepEqual(JSON.parse(env["ASYA_RESILIENCY_POLICIES"]!), { default: { maxAttempts: 2 } });
  assert.equal(env["ASYA_LOG_LEVEL"], "debug");
});

Deno.test("sidecarEnvironment() of a WASM handler carries its limits; a given module path wins", () => {
  const it = actor("handler: {wasm: {module: {file: a.wasm}, memory: 8Mi, config: {x: 1}}}");
  const env = values(sidecarEnvironment(it, { ASYA_WASM_MODULE: "/abs/a.wasm" }));
  assert.equal(env["ASYA_WASM_MODULE"], "/abs/a.wasm");
  assert.equal(env["ASYA_WASM_MEMORY"], "8Mi");
  assert.equal(env["ASYA_WASM_CONFIG"], '{"x":1}');
});

Deno.test("resolveEnvironment() follows references and names what is missing", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const files = new Map([["k", bytes("v")]]);
  const known = { name: "known", files };
  const find = (name: string) => name === "known" ? known : undefined;
  const { values, missing } = resolveEnvironment(
    [
      { name: "A", value: "1" },
      { name: "B", value: "$(A)-$(NONE)-$$(A)" },
      { name: "C", valueFrom: { configMapKeyRef: { name: "known", key: "k" } } },
      { name: "D", valueFrom: { secretKeyRef: { name: "gone", key: "k" } } },
      { name: "E", valueFrom: { secretKeyRef: { name: "gone", key: "k", optional: true } } },
      { name: "F", valueFrom: { configMapKeyRef: { name: "known", key: "none" } } },
      { name: "G", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ],
    [{ prefix: "P_", configMapRef: { name: "known" } }],
    { configMap: find, secret: find, fields: { "metadata.name": "prep" } },
  );
  assert.deepEqual(values, { P_k: "v", A: "1", B: "1-$(NONE)-$(A)", C: "v", G: "prep" });
  assert.deepEqual(missing, [
    "D refers to Secret gone, which was not found",
    "F refers to ConfigMap known, which has no key none",
  ]);
});
