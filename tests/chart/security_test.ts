import assert from "node:assert/strict";
import { chartTest, Release } from "./helm.ts";
import { restrictedProblems } from "./pod_security.ts";

const ALL = { postgresql: { enabled: true }, gateway: { replicas: 2 } };

chartTest("podSecurity=restricted makes every pod of the chart satisfy that profile", async () => {
  for (const values of [{}, ALL, { gateway: { enabled: false } }]) {
    const release = await Release.render({ ...values, podSecurity: "restricted" });
    const pods = release.pods();
    assert(pods.length >= 3, `${pods.length} pods`);
    for (const [name, { spec }] of pods) assert.deepEqual(restrictedProblems(spec), [], name);
    for (const { spec } of release.all("AsyncActor")) {
      assert.equal(spec.workload?.template.spec.initContainers, undefined);
    }
  }
});

chartTest(
  "podSecurity=baseline has root for the owners of volumes alone, with one capability",
  async () => {
    for (const values of [{}, ALL]) {
      const release = await Release.render(values);
      const owners = ["StatefulSet asya-rabbitmq"];
      owners.push(
        "postgresql" in values ? "StatefulSet asya-postgresql" : "Deployment asya-gateway",
      );
      for (const [name, { spec }] of release.pods()) {
        const expected = owners.includes(name)
          ? ["volume-owner adds capabilities CHOWN", "volume-owner may run as root"]
          : [];
        assert.deepEqual(restrictedProblems(spec), expected, name);
      }
      const crew = release.get("AsyncActor", "happy-end").spec.workload.template.spec;
      assert.equal(crew.initContainers[0].name, "volume-owner");
      assert.equal(crew.securityContext.fsGroup, 65532);
    }
  },
);

chartTest(
  "every container of our own images has a read-only root and a folder for files",
  async () => {
    const release = await Release.render({ podSecurity: "restricted" });
    for (const [name, { spec }] of release.pods()) {
      for (const container of [...spec.initContainers ?? [], ...spec.containers]) {
        if (!container.image.startsWith("asya-")) continue;
        assert.equal(container.securityContext.readOnlyRootFilesystem, true, name);
        const mounts = container.volumeMounts.map(({ mountPath }: { mountPath: string }) =>
          mountPath
        );
        assert(mounts.includes("/tmp"), name);
        assert.equal(spec.securityContext.runAsUser, 65532, name);
      }
    }
  },
);

chartTest("no pod takes variables from Services or a token that it has no use for", async () => {
  const release = await Release.render(ALL);
  for (const [name, { spec }] of release.pods()) {
    assert.equal(spec.enableServiceLinks, false, name);
    if (name !== "Deployment asya-operator") {
      assert.equal(spec.automountServiceAccountToken, false, name);
    }
  }
});

chartTest("networkPolicies let each part be reached by those that need it", async () => {
  const release = await Release.render(ALL);
  const ingress = (name: string) => release.get("NetworkPolicy", name).spec.ingress;
  const from = (rule: { from?: unknown[] }) => JSON.stringify(rule.from);
  assert.deepEqual(release.all("NetworkPolicy").map(({ metadata }) => metadata.name).sort(), [
    "asya-actors",
    "asya-gateway",
    "asya-operator",
    "asya-postgresql",
    "asya-rabbitmq",
  ]);
  assert.deepEqual(ingress("asya-actors"), [{ ports: [{ port: 8080 }] }]);
  assert.deepEqual(ingress("asya-gateway"), [{ ports: [{ port: "metrics" }] }, {
    ports: [{ port: "http" }],
  }]);
  assert.deepEqual(ingress("asya-operator"), [{ ports: [{ port: "metrics" }] }]);
  const [database] = ingress("asya-postgresql");
  assert.deepEqual(database.from.length, 1);
  assert.match(from(database), /"component":"gateway"|component":"gateway"/);
  const [amqp, management] = ingress("asya-rabbitmq");
  assert.deepEqual(amqp.ports, [{ port: "amqp" }]);
  for (const who of [/asya\.sh\/actor/, /"gateway"/, /"operator"/]) assert.match(from(amqp), who);
  assert.deepEqual(management.ports, [{ port: "management" }]);
  assert.match(from(management), /keda-operator/);
  assert.doesNotMatch(from(management), /"gateway"/);
  assert.deepEqual(release.get("NetworkPolicy", "asya-postgresql").spec.egress, []);

  const open = await Release.render({ networkPolicies: { enabled: false } });
  assert.deepEqual(open.all("NetworkPolicy"), []);
});

chartTest(
  "networkPolicies.gatewayFrom shuts the gateway to all but those and the actors",
  async () => {
    const ingress = [{ namespaceSelector: { matchLabels: { name: "ingress" } } }];
    const release = await Release.render({ networkPolicies: { gatewayFrom: ingress } });
    const [, rule] = release.get("NetworkPolicy", "asya-gateway").spec.ingress;
    assert.deepEqual(rule.from.at(-1), ingress[0]);
    assert.deepEqual(rule.from[0].podSelector.matchExpressions[0].key, "asya.sh/actor");
    assert.equal(rule.from.length, 3);
  },
);

chartTest("networkPolicies select pods that the chart makes", async () => {
  const release = await Release.render(ALL);
  const pods = release.pods().map(([, { metadata }]) => metadata.labels);
  for (const { metadata, spec } of release.all("NetworkPolicy")) {
    const { matchLabels } = spec.podSelector;
    if (matchLabels === undefined) continue; // actors' pods are the operator's
    const selected = pods.filter((labels) =>
      Object.entries(matchLabels).every(([key, value]) => labels?.[key] === value)
    );
    assert.equal(selected.length, 1, metadata.name);
  }
});
