import assert from "node:assert/strict";
import { readActor } from "@asya/manifest";
import { chartTest, environment, NAMESPACE, refusal, Release, type Rendered } from "./helm.ts";

const CREW = ["happy-end", "error-end"];
const BUCKET = { results: { persistence: { enabled: false }, s3: { bucket: "results" } } };

/** Reads each of the two as the operator does. */
function crew(release: Release) {
  return CREW.map((name) => {
    const read = readActor(release.get("AsyncActor", name));
    assert("actor" in read, "problems" in read ? read.problems.join("\n") : name);
    return read.actor;
  });
}

chartTest(
  "the crew is two actors, each with a volume that stays and one pod that has it",
  async () => {
    const release = await Release.render();
    for (const { metadata: { name, namespace }, spec } of crew(release)) {
      assert.equal(namespace, NAMESPACE);
      assert.equal(spec.transport, "rabbitmq");
      assert.equal(spec.scaling.enabled, false);
      assert.deepEqual([spec.workload.kind, spec.workload.replicas], ["StatefulSet", 1]);
      const template = spec.workload.template!.spec as Rendered;
      assert.deepEqual(template.containers, []);
      assert.deepEqual(template.volumes, [
        { name: "results", persistentVolumeClaim: { claimName: `asya-${name}` } },
      ]);
      const claim = release.get("PersistentVolumeClaim", `asya-${name}`);
      assert.deepEqual(claim.spec.accessModes, ["ReadWriteOnce"]);
      assert.equal(claim.metadata.annotations["helm.sh/resource-policy"], "keep");
    }
  },
);

chartTest(
  "crew.results.s3 names the bucket in the environment, and lets the crew scale",
  async () => {
    const release = await Release.render({
      crew: {
        minReplicas: 0,
        maxReplicas: 5,
        resources: { limits: { memory: "1Gi" } },
        results: {
          persistence: { enabled: false },
          s3: {
            bucket: "results",
            prefix: "prod/",
            endpoint: "http://s3:1",
            region: "eu-west-1",
            credentialsSecret: "aws",
          },
        },
      },
    });
    for (const { spec } of crew(release)) {
      assert.deepEqual(environment(spec.sidecar), {
        ASYA_S3_BUCKET: "results",
        ASYA_S3_PREFIX: "prod/",
        ASYA_S3_ENDPOINT: "http://s3:1",
        ASYA_AWS_REGION: "eu-west-1",
        AWS_ACCESS_KEY_ID: { secretKeyRef: { name: "aws", key: "AWS_ACCESS_KEY_ID" } },
        AWS_SECRET_ACCESS_KEY: { secretKeyRef: { name: "aws", key: "AWS_SECRET_ACCESS_KEY" } },
      });
      assert.deepEqual(spec.sidecar.resources, { limits: { memory: "1Gi" } });
      const { enabled, minReplicas, maxReplicas } = spec.scaling;
      assert.deepEqual([enabled, minReplicas, maxReplicas], [true, 0, 5]);
      assert.equal(spec.workload.kind, "Deployment");
      assert.equal(spec.workload.template!.spec.volumes, undefined);
    }
    assert(!release.has("PersistentVolumeClaim", "asya-happy-end"));
  },
);

chartTest("crew.results.persistence gives its volumes size, class and access mode", async () => {
  const persistence = { size: "3Gi", storageClass: "shared", accessMode: "ReadWriteMany" };
  const release = await Release.render({ crew: { maxReplicas: 4, results: { persistence } } });
  const { spec } = release.get("PersistentVolumeClaim", "asya-error-end");
  assert.deepEqual([spec.accessModes, spec.storageClassName, spec.resources.requests.storage], [
    ["ReadWriteMany"],
    "shared",
    "3Gi",
  ]);
  for (const { spec } of crew(release)) {
    assert.deepEqual([spec.workload.kind, spec.scaling.maxReplicas], ["Deployment", 4]);
  }
});

chartTest("the crew's pods run where the values say", async () => {
  const release = await Release.render({
    crew: {
      ...BUCKET,
      serviceAccountName: "writer",
      nodeSelector: { pool: "end" },
      tolerations: [{ operator: "Exists" }],
      affinity: { nodeAffinity: {} },
      priorityClassName: "high",
    },
  });
  for (const { spec } of crew(release)) {
    assert.deepEqual(spec.workload.template!.spec, {
      containers: [],
      enableServiceLinks: false,
      serviceAccountName: "writer",
      nodeSelector: { pool: "end" },
      tolerations: [{ operator: "Exists" }],
      affinity: { nodeAffinity: {} },
      priorityClassName: "high",
    });
  }
});

chartTest("crew values that contradict each other are refused in words", async () => {
  const both = { results: { s3: { bucket: "b" } } };
  assert.match(await refusal({ crew: both }), /a bucket and volumes are both asked for/);
  const neither = { results: { persistence: { enabled: false } } };
  assert.match(await refusal({ crew: neither }), /say where results go/);
  assert.match(await refusal({ crew: { maxReplicas: 2 } }), /a ReadWriteOnce volume has one pod/);
  assert.match(await refusal({ crew: { minReplicas: 2 } }), /greater than crew.maxReplicas/);
});

chartTest("crew.enabled=false leaves nothing of it", async () => {
  const release = await Release.render({ crew: { enabled: false } });
  const names = release.all("AsyncActor").map(({ metadata }) => metadata.name);
  assert.deepEqual(names, ["asya-test"]);
});
