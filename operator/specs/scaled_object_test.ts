import assert from "node:assert/strict";
import { parse } from "yaml";
import type { OperatorConfig } from "../config.ts";
import { exampleActor, exampleConfig } from "./example.ts";
import { scaledObject } from "./scaled_object.ts";
import { triggerAuthentication } from "./trigger.ts";

const PYTHON = "handler: {python: {path: app.run}}";

interface Spec {
  readonly advanced: Readonly<Record<string, unknown>>;
  readonly triggers: readonly Readonly<Record<string, unknown>>[];
  readonly [other: string]: unknown;
}

function specOf(scaling: string, config = exampleConfig(), more = ""): Spec {
  const actor = exampleActor(`{scaling: {enabled: true, ${scaling}}, ${more}${PYTHON}}`);
  return scaledObject(actor, config).spec as Spec;
}

Deno.test("scaledObject() has the actor's bounds and its queue as the first trigger", () => {
  const spec = specOf("minReplicas: 1, maxReplicas: 9, queueLength: 3, cooldownPeriod: 7");
  assert.deepEqual(spec["scaleTargetRef"], {
    apiVersion: "apps/v1",
    kind: "Deployment",
    name: "prep",
  });
  assert.deepEqual([spec["minReplicaCount"], spec["maxReplicaCount"]], [1, 9]);
  assert.deepEqual([spec["pollingInterval"], spec["cooldownPeriod"]], [10, 7]);
  assert.deepEqual(spec.triggers, [{
    type: "rabbitmq",
    name: "queue",
    metadata: {
      protocol: "amqp",
      queueName: "asya-prep",
      vhostName: "/",
      mode: "QueueLength",
      value: "3",
    },
    authenticationRef: { name: "prep-trigger-auth" },
  }]);
});

Deno.test("scaledObject() counts work in flight where the management API is known", () => {
  const config = exampleConfig(
    'queuePrefix: blue\ntransports: {rabbitmq: {type: rabbitmq, host: mq, management: {url: "http://mq:15672"}}}',
  );
  const metadata = specOf("", config).triggers[0]!["metadata"] as Record<string, string>;
  assert.equal(metadata["protocol"], "http");
  assert.equal(metadata["queueName"], "asya-blue.prep");
});

Deno.test("scaledObject() looks at an existing queue under its own name", () => {
  const [trigger] = specOf("", exampleConfig(), "queueName: orders, ").triggers;
  assert.equal((trigger!["metadata"] as Record<string, string>)["queueName"], "orders");
});

Deno.test("scaledObject() counts what SQS has in flight and delayed", () => {
  const config = exampleConfig(
    'queuePrefix: blue\ntransports: {sqs: {type: sqs, region: eu-west-1, accountId: "123456789012"}}',
  );
  const [trigger] = specOf("", config, "transport: sqs, ").triggers;
  assert.deepEqual(trigger!["metadata"], {
    queueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/asya-blue_prep",
    queueLength: "5",
    awsRegion: "eu-west-1",
    scaleOnInFlight: "true",
    scaleOnDelayed: "true",
  });
});

Deno.test("scaledObject() goes up at once and down slowly unless behavior says otherwise", () => {
  const { horizontalPodAutoscalerConfig: ours } = specOf("").advanced;
  const { behavior } = ours as { behavior: { scaleDown: unknown } };
  assert.deepEqual(behavior.scaleDown, {
    stabilizationWindowSeconds: 300,
    policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
  });
  const theirs = specOf("advanced: {behavior: {scaleDown: {selectPolicy: Disabled}}}").advanced;
  assert.deepEqual(theirs, {
    horizontalPodAutoscalerConfig: { behavior: { scaleDown: { selectPolicy: "Disabled" } } },
  });
});

Deno.test("scaledObject() passes formula, further triggers and pause annotations on", () => {
  const spec = specOf(
    "triggers: [{type: cron, name: day, metadata: {start: '0 8 * * *'}}], " +
      'advanced: {formula: "max(queue, day)", target: "5", restoreToOriginalReplicaCount: true}',
  );
  assert.deepEqual(
    spec.triggers[1],
    parse("{type: cron, name: day, metadata: {start: '0 8 * * *'}}"),
  );
  assert.deepEqual(spec.advanced["scalingModifiers"], { formula: "max(queue, day)", target: "5" });
  assert.equal(spec.advanced["restoreToOriginalReplicaCount"], true);
  const metadata = "{annotations: {autoscaling.keda.sh/paused-replicas: '2', other: x}}";
  const actor = exampleActor(`{scaling: {enabled: true}, ${PYTHON}}`, metadata);
  assert.deepEqual(scaledObject(actor, exampleConfig()).metadata.annotations, {
    "autoscaling.keda.sh/paused-replicas": "2",
  });
});

function authenticationOf(transport: string, config: OperatorConfig): unknown {
  return triggerAuthentication(exampleActor(`{transport: ${transport}, ${PYTHON}}`), config).spec;
}

Deno.test("triggerAuthentication() refers to the copied Secret of the actor's namespace", () => {
  const name = "asya-transport-rabbitmq";
  assert.deepEqual(authenticationOf("rabbitmq", exampleConfig()), {
    secretTargetRef: [{ parameter: "host", name, key: "host" }],
  });
  const tls = "{enabled: true, caSecretRef: {name: a, key: b}}";
  const config = exampleConfig(`transports: {rabbitmq: {type: rabbitmq, host: mq, tls: ${tls}}}`);
  assert.deepEqual(authenticationOf("rabbitmq", config), {
    secretTargetRef: [
      { parameter: "host", name, key: "host" },
      { parameter: "tls", name, key: "tls" },
      { parameter: "ca", name, key: "ca.crt" },
    ],
  });
});

const SQS: readonly [what: string, more: string, spec: unknown][] = [
  ["nobody's role: KEDA's own", "", { podIdentity: { provider: "aws" } }],
  ["the actors' role", ", actorRoleArn: arn:role", {
    podIdentity: { provider: "aws", identityOwner: "workload" },
  }],
  [
    "keys",
    ", credentials: {accessKeyIdSecretRef: {name: a, key: b}, secretAccessKeySecretRef: {name: a, key: c}}",
    {
      secretTargetRef: [
        { parameter: "awsAccessKeyID", name: "asya-transport-sqs", key: "accessKeyId" },
        { parameter: "awsSecretAccessKey", name: "asya-transport-sqs", key: "secretAccessKey" },
      ],
    },
  ],
];

for (const [what, more, spec] of SQS) {
  Deno.test(`triggerAuthentication() for SQS with ${what}`, () => {
    const config = exampleConfig(`transports: {sqs: {type: sqs, region: r${more}}}`);
    assert.deepEqual(authenticationOf("sqs", config), spec);
  });
}
