import assert from "node:assert/strict";
import { parse } from "yaml";
import { operatorConfigSchema } from "../../operator/config.ts";
import { chartTest, environment, NAMESPACE, refusal, Release, type Rendered } from "./helm.ts";

function config(release: Release) {
  const raw = parse(release.get("ConfigMap", "asya-operator").data["operator.yaml"]);
  return operatorConfigSchema.parse(raw);
}

const KEY = { name: "broker", key: "password" };

chartTest("the operator's file of the defaults is what operatorConfigSchema wants", async () => {
  const { transports, sidecar, gateway, ...rest } = config(await Release.render());
  assert.deepEqual(Object.keys(transports), ["rabbitmq"]);
  const broker = transports["rabbitmq"]!;
  assert(broker.type === "rabbitmq");
  assert.equal(broker.host, `asya-rabbitmq.${NAMESPACE}.svc`);
  assert.equal(broker.management?.url, `http://asya-rabbitmq.${NAMESPACE}.svc:15672`);
  assert.deepEqual(broker.passwordSecretRef, { name: "asya-rabbitmq", key: "password" });
  assert.equal(sidecar.image, "asya-sidecar:0.1.0");
  assert.equal(gateway?.url, `http://asya-gateway.${NAMESPACE}.svc`);
  assert.deepEqual(gateway?.meshTokenSecretRef, { name: "asya-gateway-mesh", key: "token" });
  assert.deepEqual(rest, {
    namespaces: [],
    pythonImage: "python:3.13-slim",
    imagePullSecrets: [],
    podSecurity: "baseline",
  });
});

chartTest("every value that the operator reads arrives in its file, in its form", async () => {
  const prod = {
    type: "rabbitmq",
    host: "broker.example.com",
    port: 5671,
    vhost: "team",
    username: "app",
    passwordSecretRef: KEY,
    tls: { enabled: true, caSecretRef: { name: "broker", key: "ca" } },
    exchange: "asya2",
    queues: { autoCreate: false, dlq: { enabled: true, maxRetryCount: 5, retentionDays: 3 } },
  };
  const cloud = {
    type: "sqs",
    region: "eu-west-1",
    accountId: "012345678901",
    endpoint: "http://sqs.example.com",
    actorRoleArn: "arn:aws:iam::012345678901:role/actors",
    credentials: { accessKeyIdSecretRef: KEY, secretAccessKeySecretRef: KEY },
    visibilityTimeout: 90,
    waitTimeSeconds: 5,
    tags: { team: "nlp" },
  };
  const found = config(
    await Release.render({
      rabbitmq: { enabled: false },
      transports: { prod, cloud },
      transport: "prod",
      queuePrefix: "blue",
      watchNamespaces: ["one", "two"],
      podSecurity: "restricted",
      pythonImage: "python:3.12",
      sidecar: { resources: { limits: { memory: "1Gi" } } },
      gateway: { enabled: false },
      images: {
        registry: "registry.example.com/asya",
        pullPolicy: "Always",
        pullSecrets: ["pull"],
        sidecar: { tag: "v2" },
      },
    }),
  );
  assert.deepEqual(found.transports, operatorConfigSchema.shape.transports.parse({ prod, cloud }));
  assert.equal(found.queuePrefix, "blue");
  assert.deepEqual(found.namespaces, [NAMESPACE, "one", "two"]);
  assert.equal(found.podSecurity, "restricted");
  assert.equal(found.pythonImage, "python:3.12");
  assert.equal(found.sidecar.image, "registry.example.com/asya/asya-sidecar:v2");
  assert.equal(found.sidecar.imagePullPolicy, "Always");
  assert.deepEqual(found.sidecar.resources.limits, { memory: "1Gi" });
  assert.deepEqual(found.imagePullSecrets, ["pull"]);
  assert.equal(found.gateway, undefined);
});

chartTest("a changed file or CRD of the operator rolls its pods", async () => {
  const annotations = async (values: unknown) =>
    (await Release.render(values)).get("Deployment", "asya-operator").spec.template.metadata
      .annotations;
  const before = await annotations({});
  const after = await annotations({ queuePrefix: "blue" });
  assert.notEqual(after["asya.sh/config"], before["asya.sh/config"]);
  assert.equal(after["asya.sh/crd"], before["asya.sh/crd"]);
  assert.match(before["asya.sh/crd"], /^[0-9a-f]{64}$/);
});

chartTest(
  "crd.upgrade brings the CRD with each start, and leaves it alone when it is off",
  async () => {
    const on = await Release.render();
    const [task] = on.pod("Deployment", "asya-operator").initContainers;
    assert.deepEqual(task.command.slice(-2), [
      "/tasks/apply_crd.ts",
      "/crd/asyncactors.asya.sh.yaml",
    ]);
    const crd = parse(on.get("ConfigMap", "asya-crd").data["asyncactors.asya.sh.yaml"]);
    assert.equal(crd.metadata.name, "asyncactors.asya.sh");
    const tasks = on.get("ConfigMap", "asya-tasks").data;
    for (const name of ["apply_crd.ts", "kube.ts", "wait.ts"]) assert(tasks[name], name);
    assert(mayPatchCrd(on));

    const off = await Release.render({ crd: { upgrade: false } });
    assert.equal(off.pod("Deployment", "asya-operator").initContainers, undefined);
    assert(!off.has("ConfigMap", "asya-crd") && !mayPatchCrd(off));
  },
);

const ROLE = `${NAMESPACE}-asya-operator`;

function mayPatchCrd(release: Release): boolean {
  return release.get("ClusterRole", ROLE).rules.some((rule: Rendered) =>
    rule.resources.includes("customresourcedefinitions") && rule.verbs.includes("patch") &&
    rule.resourceNames[0] === "asyncactors.asya.sh"
  );
}

function mayDo(rules: readonly Rendered[], resource: string, verb: string): boolean {
  return rules.some(({ resources, verbs, resourceNames }) =>
    resources.includes(resource) && verbs.includes(verb) && resourceNames === undefined
  );
}

chartTest(
  "the operator's role reaches what it makes, and changes no Secret but its own",
  async () => {
    const release = await Release.render();
    const rules = release.get("ClusterRole", ROLE).rules as Rendered[];
    for (const resource of ["deployments", "statefulsets", "scaledobjects", "configmaps"]) {
      assert(mayDo(rules, resource, "patch") && mayDo(rules, resource, "delete"), resource);
    }
    assert(mayDo(rules, "pods", "patch") && !mayDo(rules, "pods", "delete"));
    for (const verb of ["get", "list", "watch", "patch", "update", "delete"]) {
      assert(!mayDo(rules, "secrets", verb), verb);
    }
    const named = rules.find(({ resources, resourceNames }) =>
      resources.includes("secrets") && resourceNames !== undefined
    );
    assert.deepEqual(named?.resourceNames, ["asya-mesh-token", "asya-transport-rabbitmq"]);
    for (const rule of rules) {
      assert(!JSON.stringify(rule).includes('"*"'), "a rule with a wildcard");
    }
    assert.equal(release.all("Role").length, 1);
    assert(mayDo(release.get("Role", "asya-operator").rules, "leases", "update"));
  },
);

chartTest("watchNamespaces puts the operator's rights into those namespaces alone", async () => {
  const release = await Release.render({ watchNamespaces: ["one"] });
  const cluster = release.get("ClusterRole", ROLE).rules as Rendered[];
  assert(cluster.every(({ apiGroups }) => apiGroups[0] === "apiextensions.k8s.io"));
  for (const namespace of ["one", NAMESPACE]) {
    const role = release.get("Role", "asya-operator-actors", namespace);
    assert(mayDo(role.rules, "deployments", "create"), namespace);
    const binding = release.get("RoleBinding", "asya-operator-actors", namespace);
    assert.deepEqual(binding.subjects, [
      { kind: "ServiceAccount", name: "asya-operator", namespace: NAMESPACE },
    ]);
    assert(release.has("NetworkPolicy", "asya-actors", namespace));
  }
});

chartTest("the operator's own values arrive in its pod", async () => {
  const release = await Release.render({
    images: {
      pullSecrets: ["pull"],
      pullPolicy: "Never",
      operator: { repository: "op", tag: "x" },
    },
    operator: {
      replicas: 2,
      logLevel: "debug",
      env: [{ name: "HTTPS_PROXY", value: "http://proxy" }],
      serviceAccountAnnotations: { "eks.amazonaws.com/role-arn": "arn" },
      resources: { limits: { memory: "1Gi" } },
      nodeSelector: { pool: "system" },
      tolerations: [{ operator: "Exists" }],
      affinity: { nodeAffinity: {} },
      priorityClassName: "high",
    },
  });
  const { replicas, template } = release.get("Deployment", "asya-operator").spec;
  const [container] = template.spec.containers;
  assert.equal(replicas, 2);
  assert.equal(container.image, "op:x");
  assert.equal(container.imagePullPolicy, "Never");
  assert.deepEqual(container.resources.limits, { memory: "1Gi" });
  const env = environment(container);
  assert.equal(env["ASYA_LOG_LEVEL"], "debug");
  assert.equal(env["HTTPS_PROXY"], "http://proxy");
  assert.equal(env["ASYA_OPERATOR_CONFIG"], "/etc/asya/operator/operator.yaml");
  assert.deepEqual(template.spec.imagePullSecrets, [{ name: "pull" }]);
  assert.deepEqual(template.spec.nodeSelector, { pool: "system" });
  assert.deepEqual(template.spec.tolerations, [{ operator: "Exists" }]);
  assert.deepEqual(template.spec.affinity, { nodeAffinity: {} });
  assert.equal(template.spec.priorityClassName, "high");
  assert.deepEqual(release.get("ServiceAccount", "asya-operator").metadata.annotations, {
    "eks.amazonaws.com/role-arn": "arn",
  });
});

chartTest("transports that leave no choice for gateway and crew are refused in words", async () => {
  const prod = { type: "rabbitmq", host: "broker" };
  assert.match(await refusal({ rabbitmq: { enabled: false } }), /there is no broker: set rabbitmq/);
  assert.match(
    await refusal({ transports: { prod } }),
    /several transports: set transport to the one that gateway and crew use \(prod, rabbitmq\)/,
  );
  assert.match(await refusal({ transport: "nope" }), /no transport "nope", only rabbitmq/);
  assert.match(
    await refusal({ transports: { rabbitmq: prod } }),
    /set rabbitmq.enabled=false, or give your transport another name/,
  );
});

chartTest("config.sqsRegion of 0.1.x becomes the transport of gateway and crew", async () => {
  const release = await Release.render({ config: { sqsRegion: "eu-west-1" } });
  const { transports } = config(release);
  assert(transports["sqs"]?.type === "sqs" && transports["sqs"].region === "eu-west-1");
  assert.equal(release.get("AsyncActor", "happy-end").spec.transport, "sqs");
  const env = environment(release.pod("Deployment", "asya-gateway").containers[0]);
  assert.equal(env["ASYA_TRANSPORT"], "sqs");
  assert.equal(env["ASYA_AWS_REGION"], "eu-west-1");
});
