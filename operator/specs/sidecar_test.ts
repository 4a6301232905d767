import assert from "node:assert/strict";
import type { OperatorConfig } from "../config.ts";
import { exampleActor, exampleConfig, withRuntime } from "./example.ts";
import { sidecarContainer } from "./sidecar.ts";

function built(spec: string, config: OperatorConfig = exampleConfig(), metadata?: string) {
  const { container, volumes } = sidecarContainer(exampleActor(`{${spec}}`, metadata), config);
  const env = Object.fromEntries(
    (container.env ?? []).map(({ name, value, valueFrom }) => [name, value ?? valueFrom]),
  );
  return { container, volumes: volumes.map(({ name }) => name), env };
}

const secretKey = (name: string, key: string) => ({ secretKeyRef: { name, key } });

Deno.test("sidecarContainer() has the actor's variables, and the broker's by reference", () => {
  const { env } = built(`${withRuntime()}, timeout: {processing: 60}`);
  assert.deepEqual(env, {
    ASYA_ACTOR_NAME: "prep",
    ASYA_RUNTIME_TIMEOUT: "60s",
    ASYA_SHUTDOWN_GRACE: "85s",
    ASYA_CONCURRENCY: "1",
    ASYA_SOCKET_DIR: "/var/run/asya",
    ASYA_TRANSPORT: "rabbitmq",
    ASYA_RABBITMQ_HOST: "rabbitmq.default.svc",
    ASYA_RABBITMQ_PORT: "5672",
    ASYA_RABBITMQ_VHOST: "/",
    ASYA_RABBITMQ_USERNAME: "asya",
    ASYA_RABBITMQ_PASSWORD: secretKey("asya-transport-rabbitmq", "password"),
    ASYA_RABBITMQ_EXCHANGE: "asya",
    ASYA_QUEUE_AUTO_CREATE: "false",
  });
});

Deno.test("sidecarContainer() mounts the certificates of a broker with TLS", () => {
  const tls = "tls: {enabled: true, caSecretRef: {name: ca, key: pem}}";
  const config = exampleConfig(
    `transports: {rabbitmq: {type: rabbitmq, host: mq, port: 5671, ${tls}}}`,
  );
  const { env, volumes, container } = built(withRuntime(), config);
  assert.equal(env["ASYA_RABBITMQ_TLS_CA"], "/var/run/secrets/asya/transport/ca.crt");
  assert.ok(volumes.includes("asya-transport"));
  assert.ok(container.volumeMounts?.some(({ name }) => name === "asya-transport"));
});

Deno.test("sidecarContainer() learns of TLS with a public authority by the URL", () => {
  const config = exampleConfig(
    "transports: {rabbitmq: {type: rabbitmq, host: mq, port: 5671, tls: {enabled: true}}}",
  );
  const { env } = built(withRuntime(), config);
  assert.deepEqual(env["ASYA_RABBITMQ_URL"], secretKey("asya-transport-rabbitmq", "url"));
  assert.equal(env["ASYA_RABBITMQ_HOST"], undefined);
});

Deno.test("sidecarContainer() has region, endpoint and keys of SQS", () => {
  const keys = "accessKeyIdSecretRef: {name: aws, key: id}, " +
    "secretAccessKeySecretRef: {name: aws, key: secret}";
  const config = exampleConfig(
    `transports: {sqs: {type: sqs, region: eu-west-1, endpoint: "http://sqs:4566", credentials: {${keys}}}}`,
  );
  const { env } = built(`transport: sqs, ${withRuntime()}`, config);
  assert.equal(env["ASYA_TRANSPORT"], "sqs");
  assert.equal(env["ASYA_AWS_REGION"], "eu-west-1");
  assert.equal(env["ASYA_SQS_ENDPOINT"], "http://sqs:4566");
  assert.deepEqual(env["AWS_ACCESS_KEY_ID"], secretKey("asya-transport-sqs", "accessKeyId"));
  assert.deepEqual(
    env["AWS_SECRET_ACCESS_KEY"],
    secretKey("asya-transport-sqs", "secretAccessKey"),
  );
});

Deno.test("sidecarContainer() knows gateway, mesh token, queue prefix and queue", () => {
  const config = exampleConfig(
    'queuePrefix: blue\ngateway: {url: "http://gw:8080", meshTokenSecretRef: {name: g, key: token}}',
  );
  const { env, volumes } = built(`queueName: orders, ${withRuntime()}`, config);
  assert.equal(env["ASYA_GATEWAY_URL"], "http://gw:8080");
  assert.equal(env["ASYA_MESH_TOKEN_FILE"], "/var/run/secrets/asya/mesh/token");
  assert.equal(env["ASYA_QUEUE_PREFIX"], "blue");
  assert.equal(env["ASYA_QUEUE_NAME"], "orders");
  assert.ok(volumes.includes("asya-mesh-token"));
});

Deno.test("sidecarContainer() takes image, policy, resources and variables of the actor", () => {
  const sidecar = "{image: mine:2, imagePullPolicy: Always, resources: {limits: {memory: 1Gi}}, " +
    "env: [{name: ASYA_LOG_LEVEL, value: debug}, {name: ASYA_METRICS_ADDR, value: ':9090'}]}";
  const { container, env } = built(`sidecar: ${sidecar}, ${withRuntime()}`);
  assert.equal(container.image, "mine:2");
  assert.equal(container["imagePullPolicy"], "Always");
  assert.deepEqual(container["resources"], { limits: { memory: "1Gi" } });
  assert.equal(env["ASYA_LOG_LEVEL"], "debug");
  assert.deepEqual(container["ports"], [{ name: "metrics", containerPort: 9090, protocol: "TCP" }]);
});

Deno.test("sidecarContainer() runs the crew's handler, with its own concurrency, on its volume", () => {
  const template = "workload: {template: {spec: {containers: [], volumes: [{name: results}]}}}";
  const { container, env } = built(template, exampleConfig(), "{name: error-end}");
  assert.deepEqual(container.args, ["crew"]);
  assert.equal(env["ASYA_RESULTS_DIR"], "/results");
  assert.equal(env["ASYA_IS_END_ACTOR"], "true");
  assert.equal(env["ASYA_CONCURRENCY"], undefined);
  assert.ok(container.volumeMounts?.some(({ mountPath }) => mountPath === "/results"));
});

Deno.test("sidecarContainer() lets the user choose the crew's concurrency and bucket", () => {
  const env = "sidecar: {env: [{name: ASYA_S3_BUCKET, value: results}]}, concurrency: 8";
  const crew = built(env, exampleConfig(), "{name: happy-end}");
  assert.equal(crew.env["ASYA_CONCURRENCY"], "8");
  assert.equal(crew.env["ASYA_S3_BUCKET"], "results");
  assert.equal(crew.env["ASYA_RESULTS_DIR"], undefined);
});

Deno.test("sidecarContainer() of an end actor with an own handler is a sidecar like any other", () => {
  const { container, env } = built(withRuntime(), exampleConfig(), "{name: happy-end}");
  assert.equal(container.args, undefined);
  assert.equal(env["ASYA_IS_END_ACTOR"], "true");
  assert.equal(env["ASYA_SOCKET_DIR"], "/var/run/asya");
});

const MODULES: readonly [what: string, module: string, path: string, volume: string | undefined][] =
  [
    [
      "a ConfigMap",
      "configMap: {name: m, key: up.wasm}",
      "/opt/asya/module/up.wasm",
      "asya-module",
    ],
    [
      "a volume",
      "volume: {name: pvc, path: /a/up.wasm}",
      "/opt/asya/module/a/up.wasm",
      "asya-module",
    ],
    ["an image", "image: reg/up:1", "oci://reg/up:1", "asya-pull"],
    [
      "a URL",
      `url: "https://example.com/up.wasm", sha256: ${"a".repeat(64)}`,
      "https://example.com/up.wasm",
      undefined,
    ],
  ];

for (const [what, module, path, volume] of MODULES) {
  Deno.test(`sidecarContainer() has a WASM module from ${what}, and no socket`, () => {
    const config = exampleConfig("imagePullSecrets: [registry]");
    const { env, volumes } = built(`handler: {wasm: {module: {${module}}}}`, config);
    assert.equal(env["ASYA_WASM_MODULE"], path);
    assert.equal(env["ASYA_SOCKET_DIR"], undefined);
    assert.deepEqual(volumes, volume === undefined ? ["tmp"] : ["tmp", volume]);
  });
}

Deno.test("sidecarContainer() meets Pod Security's restricted level", () => {
  assert.deepEqual(built(withRuntime()).container["securityContext"], {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  });
});
