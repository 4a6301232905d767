import assert from "node:assert/strict";
import { CHART, chartTest, environment, refusal, Release, type Rendered, runHelm } from "./helm.ts";

const PROFILES = ["minimal", "standard", "full"];

chartTest("helm lint finds nothing wrong with the chart under any profile", async () => {
  for (const profile of PROFILES) {
    const values = `--values=${CHART}/profiles/${profile}.yaml`;
    const { code, out, err } = await runHelm(
      "lint",
      CHART,
      "--strict",
      values,
      "--kube-version=1.29.0",
    );
    assert.equal(code, 0, out + err);
  }
});

chartTest("each profile has the parts that it is named for", async () => {
  const parts = async (profile: string) => {
    const release = await Release.render({}, { files: [`profiles/${profile}.yaml`] });
    return [
      ...release.all("Deployment"),
      ...release.all("StatefulSet"),
      ...release.all("AsyncActor"),
    ]
      .map(({ metadata, spec }) => `${metadata.name} ${spec.replicas ?? ""}`.trim()).sort();
  };
  const floor = ["asya-rabbitmq 1", "error-end", "happy-end"];
  assert.deepEqual(await parts("minimal"), ["asya-operator 1", ...floor].sort());
  const standard = [
    ...floor,
    "asya-gateway 2",
    "asya-operator 2",
    "asya-postgresql 1",
    "asya-test",
  ].sort();
  assert.deepEqual(await parts("standard"), standard);
  assert.deepEqual(await parts("full"), standard);
});

chartTest(
  "the profile full adds a PodMonitor for each part where the cluster knows the kind",
  async () => {
    const monitors = async (profile: string, apis: string[]) => {
      const release = await Release.render({}, { files: [`profiles/${profile}.yaml`], apis });
      return release.all("PodMonitor").map(({ metadata }) => metadata.name).toSorted();
    };
    const kind = ["monitoring.coreos.com/v1"];
    const all = ["asya-actors", "asya-gateway", "asya-operator"];
    assert.deepEqual(await monitors("full", kind), all);
    assert.deepEqual(await monitors("full", []), []);
    assert.deepEqual(await monitors("standard", kind), []);
  },
);

chartTest("values.schema.json refuses what it does not know, and says where", async () => {
  const cases: [unknown, RegExp][] = [
    [{ gatewy: {} }, /additional properties 'gatewy' not allowed/],
    [{ gateway: { replcas: 1 } }, /at '\/gateway': additional properties 'replcas' not allowed/],
    [{ gateway: { replicas: "many" } }, /at '\/gateway\/replicas': got string, want integer/],
    [{ podSecurity: "privileged" }, /at '\/podSecurity': value must be one of/],
    [{ images: { pullPolicy: "Sometimes" } }, /at '\/images\/pullPolicy': value must be one of/],
    [
      { transports: { prod: { type: "rabbitmq", hots: "b" } } },
      /at '\/transports\/prod': missing property 'host'/,
    ],
    [{ transports: { prod: { type: "kafka" } } }, /at '\/transports\/prod\/type': value must be/],
    [{ transports: { Prod: { type: "sqs", region: "r" } } }, /Prod.*does not match pattern/s],
    [
      { gateway: { database: { urlSecretRef: { name: "db" } } } },
      /at '\/gateway\/database\/urlSecretRef': missing property 'key'/,
    ],
    [{ crew: { results: { persistence: { size: "big" } } } }, /persistence\/size'.*pattern/],
    [{ gateway: { env: [{ value: "x" }] } }, /at '\/gateway\/env\/0': missing property 'name'/],
  ];
  for (const [values, expected] of cases) assert.match(await refusal(values), expected);
});

chartTest("every object is labelled as the release's and is in its namespace", async () => {
  const release = await Release.render({ postgresql: { enabled: true } }, { release: "prod" });
  const clusterWide = ["ClusterRole", "ClusterRoleBinding"];
  for (const { kind, metadata } of release.objects) {
    assert.equal(metadata.labels["app.kubernetes.io/instance"], "prod", `${kind} ${metadata.name}`);
    assert.equal(metadata.labels["app.kubernetes.io/version"], "0.1.0", `${kind} ${metadata.name}`);
    assert.equal(metadata.namespace === undefined, clusterWide.includes(kind), metadata.name);
  }
  assert(release.has("Deployment", "prod-asya-gateway"));
});

chartTest("RabbitMQ and PostgreSQL of the chart have volumes and passwords that stay", async () => {
  const persistence = { size: "7Gi", storageClass: "fast" };
  const settings = {
    persistence,
    image: "mirror/it:1",
    resources: { limits: { memory: "3Gi" } },
    nodeSelector: { pool: "data" },
    tolerations: [{ operator: "Exists" }],
    affinity: { nodeAffinity: {} },
    priorityClassName: "high",
  };
  const release = await Release.render({
    rabbitmq: settings,
    postgresql: { enabled: true, ...settings },
  });
  for (const name of ["asya-rabbitmq", "asya-postgresql"]) {
    const { template, volumeClaimTemplates: [claim] } = release.get("StatefulSet", name).spec;
    assert.deepEqual([claim.spec.storageClassName, claim.spec.resources.requests.storage], [
      "fast",
      "7Gi",
    ]);
    const { containers: [container], ...pod } = template.spec;
    assert.equal(container.image, "mirror/it:1");
    assert.equal(container.resources.limits.memory, "3Gi");
    assert.deepEqual(pod.nodeSelector, { pool: "data" });
    assert.deepEqual(pod.tolerations, [{ operator: "Exists" }]);
    assert.deepEqual(pod.affinity, { nodeAffinity: {} });
    assert.equal(pod.priorityClassName, "high");
    const secret = release.get("Secret", name);
    assert.equal(secret.metadata.annotations["helm.sh/resource-policy"], "keep");
    const env = environment(container);
    const key = { secretKeyRef: { name, key: "password" } };
    assert.deepEqual(env["RABBITMQ_DEFAULT_PASS"] ?? env["POSTGRES_PASSWORD"], key);
  }
  assert(
    !(await Release.render({ rabbitmq: { enabled: false }, config: { sqsRegion: "r" } }))
      .has("StatefulSet", "asya-rabbitmq"),
  );
});

chartTest("monitoring.podMonitors needs a cluster that knows them", async () => {
  const values = { monitoring: { podMonitors: true, labels: { release: "prometheus" } } };
  const apis = ["monitoring.coreos.com/v1"];
  const monitors = async (values: unknown, apis: string[]) =>
    (await Release.render(values, { apis })).all("PodMonitor");
  assert.deepEqual(await monitors(values, []), []);
  assert.deepEqual(await monitors({}, apis), []);
  const [operator, gateway, actors] = await monitors(values, apis) as [
    Rendered,
    Rendered,
    Rendered,
  ];
  assert.equal(operator.metadata.labels.release, "prometheus");
  assert.deepEqual(operator.spec.podMetricsEndpoints, [{ port: "metrics" }]);
  assert.equal(gateway.metadata.name, "asya-gateway");
  assert.deepEqual(actors.spec.namespaceSelector, { any: true });
  const [, , some] = await monitors({ ...values, watchNamespaces: ["one"] }, apis) as Rendered[];
  assert.deepEqual(some!.spec.namespaceSelector, { matchNames: ["asya-test", "one"] });
});

chartTest("helm test calls a tool of its own whose actor exists for the test alone", async () => {
  const release = await Release.render({
    tests: { apiKeySecretRef: { name: "keys", key: "test" } },
  });
  const pod = release.get("Pod", "asya-test");
  const hooks = release.objects.filter(({ metadata }) =>
    metadata.annotations?.["helm.sh/hook"] === "test"
  );
  assert.deepEqual(hooks.map(({ kind }) => kind).sort(), [
    "AsyncActor",
    "ConfigMap",
    "Pod",
  ]);
  for (const { metadata } of hooks) {
    assert.match(metadata.annotations["helm.sh/hook-delete-policy"], /hook-succeeded/);
  }
  const [container] = pod.spec.containers;
  assert.deepEqual(container.command.slice(-3), [
    "/tasks/send_envelope.ts",
    "http://asya-gateway.asya-test.svc",
    "asya-test",
  ]);
  assert.deepEqual(environment(container)["ASYA_TEST_API_KEY"], {
    secretKeyRef: { name: "keys", key: "test" },
  });
  const wasm = release.get("ConfigMap", "asya-test").binaryData["echo.wasm"];
  assert(WebAssembly.validate(Uint8Array.fromBase64(wasm)));
  assert.match(
    release.get("ConfigMap", "asya-test").data["helm-test.yaml"],
    /name: asya-test/,
  );

  const minimal = await Release.render({ gateway: { enabled: false } });
  const command = minimal.get("Pod", "asya-test").spec.containers[0].command;
  assert.deepEqual(command.slice(-3), ["asya-test", "happy-end", "error-end"]);
});
