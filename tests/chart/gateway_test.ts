import assert from "node:assert/strict";
import { parse } from "yaml";
import { chartTest, environment, NAMESPACE, refusal, Release, type Rendered } from "./helm.ts";

const DATABASE = { urlSecretRef: { name: "db", key: "url" } };

function container(release: Release): Rendered {
  return release.pod("Deployment", "asya-gateway").containers[0];
}

chartTest(
  "the gateway has one replica and a volume that stays, unless there is a database",
  async () => {
    const alone = await Release.render();
    const { replicas, strategy, template } = alone.get("Deployment", "asya-gateway").spec;
    assert.deepEqual([replicas, strategy.type], [1, "Recreate"]);
    const data = template.spec.volumes.find(({ name }: Rendered) => name === "data");
    assert.equal(data.persistentVolumeClaim.claimName, "asya-gateway");
    const claim = alone.get("PersistentVolumeClaim", "asya-gateway");
    assert.equal(claim.metadata.annotations["helm.sh/resource-policy"], "keep");
    assert.equal(claim.spec.resources.requests.storage, "1Gi");
    assert.equal(environment(container(alone))["ASYA_SQLITE_PATH"], "/data/asya.sqlite");
    assert(!alone.has("PodDisruptionBudget", "asya-gateway"));

    const shared = await Release.render({ gateway: { replicas: 3, database: DATABASE } });
    const spec = shared.get("Deployment", "asya-gateway").spec;
    assert.deepEqual([spec.replicas, spec.strategy.type], [3, "RollingUpdate"]);
    assert(!shared.has("PersistentVolumeClaim", "asya-gateway"));
    const env = environment(container(shared));
    assert.equal(env["ASYA_SQLITE_PATH"], undefined);
    assert.deepEqual(env["ASYA_DATABASE_URL"], { secretKeyRef: { name: "db", key: "url" } });
    assert.equal(shared.get("PodDisruptionBudget", "asya-gateway").spec.maxUnavailable, 1);
  },
);

chartTest("gateway.persistence gives the embedded store its volume, or none", async () => {
  const persistence = { size: "5Gi", storageClass: "fast" };
  const given = await Release.render({ gateway: { persistence } });
  const { spec } = given.get("PersistentVolumeClaim", "asya-gateway");
  assert.equal(spec.resources.requests.storage, "5Gi");
  assert.equal(spec.storageClassName, "fast");
  const none = await Release.render({ gateway: { persistence: { enabled: false } } });
  const { volumes, initContainers } = none.pod("Deployment", "asya-gateway");
  assert.deepEqual(volumes.find(({ name }: Rendered) => name === "data").emptyDir, {});
  assert.equal(initContainers, undefined);
  assert(!none.has("PersistentVolumeClaim", "asya-gateway"));
});

chartTest("several gateways without a database are refused in words", async () => {
  assert.match(await refusal({ gateway: { replicas: 2 } }), /several gateways need a database/);
  const autoscaling = { enabled: true };
  assert.match(await refusal({ gateway: { autoscaling } }), /several gateways need a database/);
});

chartTest("gateway.autoscaling scales by CPU and leaves replicas to the HPA", async () => {
  const autoscaling = {
    enabled: true,
    minReplicas: 3,
    maxReplicas: 4,
    targetCPUUtilizationPercentage: 50,
  };
  const release = await Release.render({
    gateway: { autoscaling, database: DATABASE, podDisruptionBudget: { enabled: false } },
  });
  const { spec } = release.get("HorizontalPodAutoscaler", "asya-gateway");
  assert.deepEqual(
    [spec.minReplicas, spec.maxReplicas, spec.metrics[0].resource.target.averageUtilization],
    [3, 4, 50],
  );
  assert.equal(spec.scaleTargetRef.name, "asya-gateway");
  assert.equal(release.get("Deployment", "asya-gateway").spec.replicas, undefined);
  assert(!release.has("PodDisruptionBudget", "asya-gateway"));
});

chartTest("postgresql.enabled is the gateway's database, with a password that fits", async () => {
  const release = await Release.render({ postgresql: { enabled: true } });
  assert.deepEqual(environment(container(release))["ASYA_DATABASE_URL"], {
    secretKeyRef: { name: "asya-postgresql", key: "url" },
  });
  const { data } = release.get("Secret", "asya-postgresql");
  const url = new URL(atob(data.url));
  assert.equal(url.password, atob(data.password));
  assert.equal(url.host, `asya-postgresql.${NAMESPACE}.svc:5432`);
  assert(url.password.length >= 32);
  assert.match(
    await refusal({ postgresql: { enabled: true }, gateway: { database: DATABASE } }),
    /the gateway has one database/,
  );
});

chartTest(
  "gateway.tools, toolsConfigMaps and routes.tools of 0.1.x come together in one folder",
  async () => {
    const tools = [{ name: "analyze", parameters: { text: { type: "string" } }, route: ["a"] }];
    const release = await Release.render({
      gateway: {
        tools: { defaults: { timeout: 30 }, tools },
        toolsConfigMaps: ["team-a", "team-b"],
      },
      routes: { tools },
    });
    const { data } = release.get("ConfigMap", "asya-gateway-tools");
    assert.deepEqual(parse(data["values.yaml"]), { defaults: { timeout: 30 }, tools });
    assert.deepEqual(parse(data["routes.yaml"]), { tools });
    const { volumes } = release.pod("Deployment", "asya-gateway");
    const { sources } = volumes.find(({ name }: Rendered) => name === "tools").projected;
    assert.deepEqual(sources.map((source: Rendered) => source.configMap.name), [
      "asya-gateway-tools",
      "team-a",
      "team-b",
      "asya-test",
    ]);
    assert.equal(environment(container(release))["ASYA_CONFIG_PATH"], "/etc/asya/tools");

    const text = "tools:\n  - { name: a, parameters: {}, route: [a] } # as it is\n";
    const texts = await Release.render({ gateway: { tools: text }, routes: { tools: text } });
    assert.deepEqual(texts.get("ConfigMap", "asya-gateway-tools").data, {
      "values.yaml": text,
      "routes.yaml": text,
    });
  },
);

chartTest(
  "the mesh token is made, or the one that is named, for gateway and operator alike",
  async () => {
    const made = await Release.render();
    assert(atob(made.get("Secret", "asya-gateway-mesh").data.token).length >= 32);
    const meshTokenSecretRef = { name: "mesh", key: "secret" };
    const named = await Release.render({ gateway: { meshTokenSecretRef } });
    assert(!named.has("Secret", "asya-gateway-mesh"));
    const { volumes } = named.pod("Deployment", "asya-gateway");
    assert.deepEqual(volumes.find(({ name }: Rendered) => name === "mesh").secret, {
      secretName: "mesh",
      items: [{ key: "secret", path: "token" }],
    });
    const operator = parse(named.get("ConfigMap", "asya-operator").data["operator.yaml"]);
    assert.deepEqual(operator.gateway.meshTokenSecretRef, meshTokenSecretRef);
  },
);

chartTest("gateway.service and gateway.ingress say where the gateway is", async () => {
  const release = await Release.render({
    gateway: {
      service: { type: "LoadBalancer", port: 8443, annotations: { a: "b" } },
      ingress: {
        enabled: true,
        className: "nginx",
        annotations: { c: "d" },
        host: "asya.example.com",
        path: "/api",
        tlsSecret: "certificate",
      },
    },
  });
  const service = release.get("Service", "asya-gateway");
  assert.equal(service.spec.type, "LoadBalancer");
  assert.equal(service.spec.ports[0].port, 8443);
  assert.deepEqual(service.metadata.annotations, { a: "b" });
  const operator = parse(release.get("ConfigMap", "asya-operator").data["operator.yaml"]);
  assert.equal(operator.gateway.url, `http://asya-gateway.${NAMESPACE}.svc:8443`);
  const { metadata, spec } = release.get("Ingress", "asya-gateway");
  assert.deepEqual(metadata.annotations, { c: "d" });
  assert.equal(spec.ingressClassName, "nginx");
  assert.deepEqual(spec.tls, [{ hosts: ["asya.example.com"], secretName: "certificate" }]);
  assert.equal(spec.rules[0].host, "asya.example.com");
  assert.equal(spec.rules[0].http.paths[0].path, "/api");
  assert.equal(spec.rules[0].http.paths[0].backend.service.name, "asya-gateway");
  assert.match(await refusal({ gateway: { ingress: { enabled: true } } }), /gateway.ingress.host/);
  assert(!(await Release.render()).has("Ingress", "asya-gateway"));
});

chartTest("the gateway's own values arrive in its pod", async () => {
  const release = await Release.render({
    images: { gateway: { tag: "x" } },
    queuePrefix: "blue",
    gateway: {
      logLevel: "debug",
      env: [{ name: "ASYA_GATEWAY_RETENTION", value: "24h" }],
      extraVolumes: [{ name: "keys", secret: { secretName: "keys" } }],
      extraVolumeMounts: [{ name: "keys", mountPath: "/keys" }],
      serviceAccountAnnotations: { "eks.amazonaws.com/role-arn": "arn" },
      resources: { limits: { memory: "1Gi" } },
      nodeSelector: { pool: "web" },
      tolerations: [{ operator: "Exists" }],
      affinity: { nodeAffinity: {} },
      priorityClassName: "high",
    },
  });
  const pod = release.pod("Deployment", "asya-gateway");
  const [gateway] = pod.containers;
  const env = environment(gateway);
  assert.equal(gateway.image, "asya-gateway:x");
  assert.equal(env["ASYA_QUEUE_PREFIX"], "blue");
  assert.equal(env["ASYA_LOG_LEVEL"], "debug");
  assert.equal(env["ASYA_GATEWAY_RETENTION"], "24h");
  assert.deepEqual(gateway.resources.limits, { memory: "1Gi" });
  assert.deepEqual(pod.volumes.at(-1), { name: "keys", secret: { secretName: "keys" } });
  assert.deepEqual(gateway.volumeMounts.at(-1), { name: "keys", mountPath: "/keys" });
  assert.deepEqual(pod.nodeSelector, { pool: "web" });
  assert.deepEqual(pod.tolerations, [{ operator: "Exists" }]);
  assert.deepEqual(pod.affinity, { nodeAffinity: {} });
  assert.equal(pod.priorityClassName, "high");
  assert.deepEqual(release.get("ServiceAccount", "asya-gateway").metadata.annotations, {
    "eks.amazonaws.com/role-arn": "arn",
  });
});

chartTest(
  "the gateway reaches a broker over TLS by its files, or by the operator's URL",
  async () => {
    const ref = (key: string) => ({ name: "broker", key });
    const transport = {
      type: "rabbitmq",
      host: "b.example.com",
      port: 5671,
      vhost: "v",
      username: "u",
    };
    const render = (tls: unknown, more = {}) => ({
      rabbitmq: { enabled: false },
      transports: { prod: { ...transport, passwordSecretRef: ref("password"), tls } },
      ...more,
    });
    const files = await Release.render(
      render({
        enabled: true,
        caSecretRef: ref("ca"),
        certSecretRef: ref("tls.crt"),
        keySecretRef: ref("tls.key"),
      }),
    );
    const env = environment(container(files));
    assert.equal(env["ASYA_RABBITMQ_HOST"], "b.example.com");
    assert.equal(env["ASYA_RABBITMQ_PORT"], "5671");
    assert.equal(env["ASYA_RABBITMQ_VHOST"], "v");
    assert.equal(env["ASYA_RABBITMQ_USERNAME"], "u");
    assert.deepEqual(env["ASYA_RABBITMQ_PASSWORD"], { secretKeyRef: ref("password") });
    assert.equal(env["ASYA_RABBITMQ_TLS_CA"], "/etc/asya/tls/ca");
    assert.equal(env["ASYA_RABBITMQ_TLS_KEY"], "/etc/asya/tls/key");
    const { volumes } = files.pod("Deployment", "asya-gateway");
    assert.deepEqual(volumes.find(({ name }: Rendered) => name === "tls").projected.sources[1], {
      secret: { name: "broker", items: [{ key: "tls.crt", path: "cert" }] },
    });

    const url = environment(container(await Release.render(render({ enabled: true }))));
    assert.deepEqual(url["ASYA_RABBITMQ_URL"], {
      secretKeyRef: { name: "asya-transport-prod", key: "url" },
    });
    assert.equal(url["ASYA_RABBITMQ_HOST"], undefined);
    assert.match(
      await refusal(render({ enabled: true }, { crew: { enabled: false } })),
      /without the crew the gateway needs caSecretRef/,
    );
  },
);

chartTest("the gateway reaches SQS with what the transport says", async () => {
  const ref = { name: "aws", key: "k" };
  const release = await Release.render({
    rabbitmq: { enabled: false },
    transports: {
      cloud: {
        type: "sqs",
        region: "eu-west-1",
        endpoint: "http://sqs:1",
        credentials: { accessKeyIdSecretRef: ref, secretAccessKeySecretRef: ref },
      },
    },
  });
  const env = environment(container(release));
  assert.equal(env["ASYA_TRANSPORT"], "sqs");
  assert.equal(env["ASYA_SQS_ENDPOINT"], "http://sqs:1");
  assert.deepEqual(env["AWS_SECRET_ACCESS_KEY"], { secretKeyRef: ref });
});

chartTest("gateway.auth asks for keys as soon as others than the cluster can come", async () => {
  const auth = async (gateway: unknown) =>
    environment(container(await Release.render({ gateway })))["ASYA_GATEWAY_AUTH"];
  const issuer = [{ name: "ASYA_GATEWAY_OAUTH_ISSUER", value: "https://id.example.com" }];
  const ingress = { enabled: true, host: "asya.example.com" };
  assert.equal(await auth({}), "off");
  assert.equal(await auth({ auth: "required" }), "on");
  assert.equal(await auth({ service: { type: "LoadBalancer" } }), "on");
  assert.equal(await auth({ ingress }), "on");
  assert.equal(await auth({ env: issuer }), "on");
  assert.equal(await auth({ ingress, auth: "none" }), "off");
});

chartTest("gateway.enabled=false leaves nothing of it", async () => {
  const release = await Release.render({ gateway: { enabled: false } });
  const left = release.objects.filter(({ metadata }) => metadata.name.includes("gateway"));
  assert.deepEqual(left.map(({ kind }) => kind), []);
});
