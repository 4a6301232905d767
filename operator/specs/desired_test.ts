import assert from "node:assert/strict";
import type { PodTemplate } from "@asya/manifest";
import { parseAllDocuments } from "yaml";
import type { OperatorConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import { desired } from "./desired.ts";
import { exampleActor, exampleConfig, exampleFacts, withRuntime } from "./example.ts";
import type { Facts } from "./facts.ts";
import { namespaceObjects } from "./namespace_objects.ts";
import { readActor } from "@asya/manifest";

interface Built {
  readonly objects: readonly KubeObject[];
  readonly workload: KubeObject & {
    readonly spec: { readonly replicas?: number; readonly template: PodTemplate };
  };
}

function built(
  spec: string,
  { config = exampleConfig(), facts = exampleFacts(), metadata = "{}" }: {
    config?: OperatorConfig;
    facts?: Facts;
    metadata?: string;
  } = {},
): Built {
  const objects = desired(exampleActor(`{${spec}}`, metadata), config, facts);
  const workload = objects.find(({ kind }) => ["Deployment", "StatefulSet"].includes(kind));
  return { objects, workload: workload as Built["workload"] };
}

function kinds({ objects }: Built): string[] {
  return objects.map(({ kind }) => kind);
}

function annotations({ workload }: Built): Readonly<Record<string, string>> {
  const { annotations } = workload.spec.template.metadata as {
    annotations: Record<string, string>;
  };
  return annotations;
}

for (const name of ["runtime", "plugin", "crew"]) {
  Deno.test(`desired() of testdata/${name}.yaml is what stands below the actor`, () => {
    const text = Deno.readTextFileSync(new URL(`testdata/${name}.yaml`, import.meta.url));
    const [actor, ...expected] = parseAllDocuments(text).map((document) => document.toJS());
    const read = readActor(actor);
    assert.ok("actor" in read);
    const config = exampleConfig(
      'gateway: {url: "http://gateway:80", meshTokenSecretRef: {name: gateway, key: token}}',
    );
    assert.deepEqual(structuredClone(desired(read.actor, config, exampleFacts())), expected);
  });
}

Deno.test("desired() sets replicas only while nobody scales the actor", () => {
  const fixed = `${withRuntime("", "", "replicas: 3")}`;
  const scaled = `scaling: {enabled: true}, ${fixed}`;
  assert.equal(built(fixed).workload.spec.replicas, 3);
  assert.equal(built(scaled).workload.spec.replicas, undefined);
  const facts = exampleFacts({ keda: false });
  assert.equal(built(scaled, { facts }).workload.spec.replicas, 3);
});

Deno.test("desired() has KEDA's objects only where KEDA is and the actor wants it", () => {
  const scaled = `scaling: {enabled: true}, ${withRuntime()}`;
  assert.deepEqual(kinds(built(scaled)), ["Deployment", "TriggerAuthentication", "ScaledObject"]);
  assert.deepEqual(kinds(built(scaled, { facts: exampleFacts({ keda: false }) })), ["Deployment"]);
  assert.deepEqual(kinds(built(withRuntime())), ["Deployment"]);
});

Deno.test("desired() gives every object an owner, a namespace and labels", () => {
  const metadata = "{labels: {team: nlp, app.kubernetes.io/managed-by: Helm}, " +
    "annotations: {asya.sh/max-unavailable: 25%}}";
  const { objects } = built(`scaling: {enabled: true}, ${withRuntime()}`, { metadata });
  assert.equal(objects.length, 4);
  for (const { metadata } of objects) {
    assert.equal(metadata.namespace, "work");
    assert.equal(metadata.ownerReferences?.[0]?.uid, "u-1");
    assert.equal(metadata.labels?.["team"], "nlp");
    assert.equal(metadata.labels?.["app.kubernetes.io/managed-by"], "asya-operator");
    assert.equal(metadata.labels?.["asya.sh/actor"], "prep");
  }
});

Deno.test("desired() makes a StatefulSet whose pods come and go together", () => {
  const { workload } = built(withRuntime("", "", "kind: StatefulSet"));
  const { serviceName, podManagementPolicy } = workload.spec as unknown as Record<string, string>;
  assert.deepEqual([workload.kind, serviceName, podManagementPolicy], [
    "StatefulSet",
    "prep",
    "Parallel",
  ]);
});

Deno.test("desired() rolls the pods when script or credentials change, and for nothing else", () => {
  const before = annotations(built(withRuntime()));
  assert.deepEqual(annotations(built(`${withRuntime()}, scaling: {maxReplicas: 7}`)), before);
  const script = exampleFacts({ runtimeScripts: { "asya_runtime.py": "print(2)" } });
  const secrets = exampleFacts({ secrets: new Map([["rabbitmq/password", "new"]]) });
  const other = exampleFacts({
    secrets: new Map([...exampleFacts().secrets, ["gateway/token", "new"]]),
  });
  assert.deepEqual(annotations(built(withRuntime(), { facts: other })), before);
  for (const [facts, changed] of [[script, "runtime"], [secrets, "credentials"]] as const) {
    const after = annotations(built(withRuntime(), { facts }));
    const different = Object.keys(before).filter((key) => before[key] !== after[key]);
    assert.deepEqual(different, [`asya.sh/${changed}-hash`]);
  }
});

Deno.test("desired() keeps everything else of the user's template", () => {
  const template = "workload: {template: {metadata: {labels: {app: x}, annotations: {a: b}}, " +
    "spec: {nodeSelector: {gpu: a100}, tolerations: [{operator: Exists}], hostNetwork: true, " +
    "imagePullSecrets: [{name: mine}], initContainers: [{name: i, image: i}], " +
    "volumes: [{name: tmp, emptyDir: {medium: Memory}}], " +
    "containers: [{name: helper, image: h}, {name: asya-runtime, image: app}]}}}";
  const config = exampleConfig("imagePullSecrets: [ours, mine]");
  const { metadata, spec } = built(template, { config }).workload.spec.template;
  const { labels, annotations } = metadata as Record<string, Record<string, string>>;
  assert.equal(labels!["app"], "x");
  assert.equal(annotations!["a"], "b");
  assert.deepEqual(spec.containers.map(({ name }) => name), [
    "helper",
    "asya-runtime",
    "asya-sidecar",
  ]);
  assert.deepEqual(spec["nodeSelector"], { gpu: "a100" });
  assert.deepEqual(spec["tolerations"], [{ operator: "Exists" }]);
  assert.deepEqual(spec["initContainers"], [{ name: "i", image: "i" }]);
  assert.deepEqual(spec["imagePullSecrets"], [{ name: "mine" }, { name: "ours" }]);
  assert.deepEqual(spec.volumes?.filter(({ name }) => name === "tmp"), [
    { name: "tmp", emptyDir: { medium: "Memory" } },
  ]);
});

const TOKENS: readonly [what: string, pod: string, expected: boolean | undefined][] = [
  ["none of Kubernetes' tokens", "", false],
  ["the token of the account that the template names", "serviceAccountName: mine", undefined],
  ["a token where the template says so", "automountServiceAccountToken: true", true],
];

for (const [what, pod, expected] of TOKENS) {
  Deno.test(`desired() gives pods ${what}`, () => {
    const { spec } = built(withRuntime("", pod)).workload.spec.template;
    assert.equal(spec["automountServiceAccountToken"], expected);
  });
}

Deno.test("desired() makes a service account that carries the role of SQS", () => {
  const config = exampleConfig("transports: {sqs: {type: sqs, region: r, actorRoleArn: arn:x}}");
  const own = built(`transport: sqs, ${withRuntime()}`, { config });
  assert.deepEqual(kinds(own), ["ServiceAccount", "Deployment"]);
  assert.deepEqual(own.objects[0]!.metadata.annotations, { "eks.amazonaws.com/role-arn": "arn:x" });
  assert.equal(own.workload.spec.template.spec["serviceAccountName"], "prep");
  const named = withRuntime("", "serviceAccountName: mine");
  const theirs = built(`transport: sqs, ${named}`, { config });
  assert.deepEqual(kinds(theirs), ["Deployment"]);
  assert.equal(theirs.workload.spec.template.spec["serviceAccountName"], "mine");
});

Deno.test("desired() has a PodDisruptionBudget where the annotation asks for one", () => {
  const metadata = "{annotations: {asya.sh/max-unavailable: '2'}}";
  const { objects } = built(withRuntime(), { metadata });
  assert.deepEqual(objects[1]!.spec, {
    maxUnavailable: 2,
    selector: { matchLabels: { "asya.sh/actor": "prep" } },
  });
});

Deno.test("desired() throws UnknownTransport for a transport that the settings do not have", () => {
  assert.throws(() => built(`transport: toString, ${withRuntime()}`), {
    code: "unknown_transport",
    message: /knows no transport toString: write one of rabbitmq, sqs/,
  });
});

Deno.test("namespaceObjects() has the runtime's scripts and the credentials", () => {
  const objects = namespaceObjects("work", exampleConfig(), exampleFacts());
  assert.deepEqual(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`), [
    "ConfigMap asya-runtime",
    "Secret asya-transport-rabbitmq",
  ]);
  assert.deepEqual(objects[0]!["data"], { "asya_runtime.py": "print('runtime')\n" });
  for (const { metadata } of objects) {
    assert.deepEqual(metadata.labels, { "app.kubernetes.io/managed-by": "asya-operator" });
  }
});
