/** What guards the pods: policies of the network, security contexts, Pod Security's levels. */

import assert from "node:assert/strict";
import { Kube } from "./kube.ts";
import { Stage } from "./stage.ts";
import { clusterTest, ENFORCE, SYSTEM } from "./system.ts";

clusterTest(
  "every part of the system has a NetworkPolicy, and its containers no rights",
  async () => {
    await using kube = await Kube.open();
    const policies = (await kube.list(SYSTEM, "networkpolicies")).map(({ metadata }) =>
      metadata.name
    );
    const parts = ["actors", "gateway", "operator", "postgresql", "rabbitmq"];
    assert.deepEqual(policies.toSorted(), parts.map((part) => `asya-${part}`));
    for (const { metadata, spec } of await kube.list(SYSTEM, "pods", "app.kubernetes.io/name")) {
      for (const { name, securityContext = {} } of spec.containers) {
        const where = `${metadata.name} ${name}`;
        assert.equal(securityContext.allowPrivilegeEscalation, false, where);
        assert.deepEqual(securityContext.capabilities?.drop, ["ALL"], where);
      }
      assert.equal(spec.securityContext.seccompProfile.type, "RuntimeDefault", metadata.name);
      assert.equal(spec.enableServiceLinks, false, metadata.name);
    }
  },
);

clusterTest("images that run as root work where Pod Security baseline is enforced", async () => {
  await using stage = await Stage.open({ [ENFORCE]: "baseline" });
  const [root, plugin] = [stage.named("root"), stage.named("plugin")];
  await stage.apply(stage.python(root, "echo"), stage.wasm(plugin));
  await Promise.all([stage.becomes(root, "Running", 90), stage.becomes(plugin, "Running", 90)]);
  const [pod] = await stage.pods(root);
  const sidecar = pod!.spec.containers.find(({ name }: { name: string }) =>
    name === "asya-sidecar"
  );
  assert.equal(sidecar.securityContext.runAsNonRoot, true);
  assert.equal(sidecar.securityContext.readOnlyRootFilesystem, true);
  assert.equal(pod!.spec.automountServiceAccountToken, false);
});

clusterTest(
  "plugins, and handlers that name a user, work where restricted is enforced",
  async () => {
    await using stage = await Stage.open({ [ENFORCE]: "restricted" });
    const [script, plugin] = [stage.named("script"), stage.named("plugin")];
    const securityContext = {
      runAsNonRoot: true,
      runAsUser: 1000,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    };
    const runtime = {
      name: "asya-runtime",
      image: "python:3.13-slim",
      env: [{ name: "ASYA_HANDLER", value: "work.echo" }, { name: "PYTHONPATH", value: "/code" }],
      volumeMounts: [{ name: "code", mountPath: "/code" }],
      securityContext,
    };
    const volumes = [{ name: "code", configMap: { name: "work" } }];
    const template = { spec: { containers: [runtime], volumes } };
    await stage.apply(stage.actor(script, { workload: { template } }), stage.wasm(plugin));
    const sink = await stage.sink();
    await Promise.all([stage.becomes(script, "Running", 90), stage.becomes(plugin, "Running", 90)]);
    await stage.broker.send([script, plugin, sink], 1);
    await stage.broker.collect(sink, 1, 30);
  },
);
