/** The operator as a process, at a real API server and a real broker. No pod is needed for that. */

import assert from "node:assert/strict";
import { type ChannelModel, connect } from "amqplib";
import type { KubeObject } from "./kube/object.ts";
import { type Resource, RESOURCES } from "./kube/resources.ts";
import type { ActorStatus } from "./status/actor_status.ts";
import {
  KUBECONFIG,
  Namespace,
  type OperatorProcess,
  startOperator,
  until,
  writeConfig,
} from "./testing.ts";

const RABBITMQ = Deno.env.get("ASYA_TEST_RABBITMQ_URL") || undefined;
const missing = KUBECONFIG === undefined
  ? "no ASYA_TEST_KUBECONFIG"
  : RABBITMQ === undefined
  ? "no ASYA_TEST_RABBITMQ_URL"
  : undefined;

/** What a test has. */
interface Stage {
  readonly namespace: Namespace;
  /** Whether the broker has a queue of this name. */
  exists(queue: string): Promise<boolean>;
  start(identity: string): OperatorProcess;
  queueOf(actor: string): string;
  apply(actor: KubeObject): Promise<KubeObject>;
  get(resource: Resource, name: string): Promise<KubeObject | undefined>;
  /** The status word of an actor, once it is this one. */
  becomes(name: string, word: string): Promise<ActorStatus>;
}

async function exists(model: ChannelModel, queue: string): Promise<boolean> {
  const channel = await model.createChannel();
  channel.on("error", () => undefined); // a queue that is missing ends the channel
  try {
    await channel.checkQueue(queue);
  } catch (error) {
    if ((error as { code?: number }).code !== 404) throw error;
    return false;
  }
  await channel.close();
  return true;
}

function test(sentence: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test({
    name: `operator: ${sentence}${missing === undefined ? "" : ` (skipped: ${missing})`}`,
    ignore: missing !== undefined,
    async fn() {
      await using cleanup = new AsyncDisposableStack();
      const namespace = cleanup.use(await Namespace.make());
      const folder = await Deno.makeTempDir();
      cleanup.defer(() => Deno.remove(folder, { recursive: true }));
      const config = await writeConfig(folder, namespace, RABBITMQ!);
      const model = await connect(RABBITMQ!, { noDelay: true });
      cleanup.defer(() => model.close());
      const channel = await model.createChannel();
      const queueOf = (actor: string) => `asya-${namespace.name}.${actor}`;
      cleanup.defer(async () => {
        for (const actor of ["prep", "infer"]) {
          await channel.deleteQueue(queueOf(actor));
          await channel.deleteQueue(`${queueOf(actor)}-dlq`);
        }
        await channel.deleteExchange(namespace.name);
      });
      const { client } = namespace;
      const get = (resource: Resource, name: string) =>
        client.get(resource, { namespace: namespace.name, name });
      await run({
        namespace,
        exists: (queue) => exists(model, queue),
        start: (identity) => cleanup.use(startOperator(namespace, config, identity)),
        queueOf,
        apply: (actor) => client.apply(actor, { fieldManager: "test" }),
        get,
        becomes: (name, word) =>
          until(`${name} is ${word}`, async () => {
            const actor = await get(RESOURCES.asyncActors, name);
            const status = actor?.status as ActorStatus | undefined;
            return status?.status === word && status;
          }),
      });
    },
  });
}

/** An actor of which no pod runs. */
const ASLEEP = {
  transport: "main",
  workload: {
    replicas: 0,
    template: { spec: { containers: [{ name: "asya-runtime", image: "python:3.11-slim" }] } },
  },
};

async function ready(operator: OperatorProcess): Promise<void> {
  await until(
    "an operator that works",
    () => Promise.resolve(operator.lines.some((line) => line.includes('"works"'))),
  );
}

test("an actor becomes a queue, a Deployment and a true status, and drift is undone", async (s) => {
  await ready(s.start("one"));
  await s.apply(s.namespace.actor("prep", ASLEEP));
  const status = await s.becomes("prep", "Napping");
  assert.equal(status.transportStatus, "Ready");
  assert.ok(await s.exists(s.queueOf("prep")));
  assert.ok(await s.exists(`${s.queueOf("prep")}-dlq`));

  const key = { namespace: s.namespace.name, name: "prep" };
  const grace = (seconds: number) => ({
    spec: { template: { spec: { terminationGracePeriodSeconds: seconds } } },
  });
  const restarted = { spec: { template: { metadata: { annotations: { restartedAt: "now" } } } } };
  await s.namespace.client.merge(RESOURCES.deployments, key, restarted);
  await s.namespace.client.merge(RESOURCES.deployments, key, grace(7));
  const mended = await until("a Deployment without drift", async () => {
    const deployment = await s.get(RESOURCES.deployments, "prep");
    const { template } = deployment!.spec as {
      template: typeof restarted.spec.template & ReturnType<typeof grace>["spec"]["template"];
    };
    return template.spec.terminationGracePeriodSeconds !== 7 && template;
  });
  assert.equal(mended.metadata.annotations.restartedAt, "now"); // a user's own field stays

  await s.namespace.client.delete(RESOURCES.deployments, key);
  await until("the Deployment again", () => s.get(RESOURCES.deployments, "prep"));
});

test("a spec that is wrong says so, and recovers when it is mended", async (s) => {
  await ready(s.start("one"));
  await s.apply(s.namespace.actor("prep", { ...ASLEEP, transport: "nope" }));
  const { conditions } = await s.becomes("prep", "ConfigError");
  assert.ok(conditions.some(({ message }) => message.includes("nope")));
  assert.equal(await s.get(RESOURCES.deployments, "prep"), undefined);
  await s.apply(s.namespace.actor("prep", ASLEEP));
  await s.becomes("prep", "Napping");
});

test("a Deployment of somebody else is left alone", async (s) => {
  const { client, name: namespace } = s.namespace;
  const labels = { app: "theirs" };
  await client.create({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "prep", namespace },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  });
  await ready(s.start("one"));
  await s.apply(s.namespace.actor("prep", ASLEEP));
  const { conditions } = await s.becomes("prep", "WorkloadError");
  assert.ok(conditions.some(({ message }) => message.includes("rename the actor")));
  const { spec } = (await s.get(RESOURCES.deployments, "prep"))!;
  assert.deepEqual((spec as { selector: { matchLabels: unknown } }).selector.matchLabels, labels);
});

test("a workload that KEDA scales begins asleep, and no change of its spec wakes it", async (s) => {
  await ready(s.start("one"));
  const scaling = { enabled: true, minReplicas: 0 };
  const spec = async (name: string) =>
    (await s.get(RESOURCES.deployments, name))?.spec as {
      readonly replicas: number;
      readonly template: { readonly spec: { readonly terminationGracePeriodSeconds: number } };
    } | undefined;
  await s.apply(s.namespace.actor("prep", { ...ASLEEP, scaling }));
  await s.apply(s.namespace.actor("infer", ASLEEP)); // the operator itself says how many, at first
  for (const name of ["prep", "infer"]) {
    const made = await until(`a Deployment ${name}`, () => spec(name));
    assert.equal(made.replicas, 0);
    const before = made.template.spec.terminationGracePeriodSeconds;
    for (const more of [1, 2]) {
      const timeout = { processing: 300, gracefulShutdown: 30 + more };
      await s.apply(s.namespace.actor(name, { ...ASLEEP, scaling, timeout }));
      const changed = await until(`change ${more} of ${name}`, async () => {
        const now = await spec(name);
        return now?.template.spec.terminationGracePeriodSeconds === before + more && now;
      });
      assert.equal(changed.replicas, 0);
    }
  }
});

test("another kind of workload replaces the first", async (s) => {
  await ready(s.start("one"));
  await s.apply(s.namespace.actor("prep", ASLEEP));
  await s.becomes("prep", "Napping");
  const workload = { ...ASLEEP.workload, kind: "StatefulSet" };
  await s.apply(s.namespace.actor("prep", { ...ASLEEP, workload }));
  await until("a StatefulSet", () => s.get(RESOURCES.statefulSets, "prep"));
  await until("no Deployment", async () => !await s.get(RESOURCES.deployments, "prep"));
});

test("a deleted actor's queue stays, or goes where the actor says so", async (s) => {
  await ready(s.start("one"));
  await s.apply(s.namespace.actor("prep", ASLEEP));
  await s.apply(s.namespace.actor("infer", ASLEEP, { "asya.sh/queue-deletion": "Delete" }));
  await s.becomes("prep", "Napping");
  await s.becomes("infer", "Napping");
  for (const name of ["prep", "infer"]) {
    const key = { namespace: s.namespace.name, name };
    await s.namespace.client.delete(RESOURCES.asyncActors, key);
    await until(`no ${name}`, async () => !await s.get(RESOURCES.asyncActors, name));
    await until(`no Deployment ${name}`, async () => !await s.get(RESOURCES.deployments, name));
  }
  assert.ok(await s.exists(s.queueOf("prep")));
  assert.equal(await s.exists(s.queueOf("infer")), false);
});

test("a restart writes nothing, and a second operator takes over from a killed one", async (s) => {
  const first = s.start("one");
  await ready(first);
  await s.apply(s.namespace.actor("prep", ASLEEP));
  await s.becomes("prep", "Napping");
  await until("a Deployment that the cluster has seen", async () => {
    const deployment = await s.get(RESOURCES.deployments, "prep");
    const { observedGeneration } = deployment!.status as { observedGeneration?: number };
    return observedGeneration !== undefined;
  });
  const second = s.start("two");
  await until(
    "a second one that waits",
    () => Promise.resolve(second.lines.some((line) => line.includes("another leads"))),
  );
  const killed = performance.now();
  await first.end("SIGKILL");
  await ready(second);
  assert.ok(performance.now() - killed < 15_000);
  await until("an actor that was looked at", async () => {
    const metrics = await second.metrics();
    return /reconciles_total\{result="success"\} [2-9]/.test(metrics) && metrics;
  });
  assert.doesNotMatch(await second.metrics(), /applied_objects_total\{/);

  assert.equal(await second.end("SIGTERM"), 0);
  const began = performance.now();
  await ready(s.start("three"));
  assert.ok(performance.now() - began < 6_000); // the lease was let go
});
