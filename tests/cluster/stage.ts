/** A namespace of a test's own with actors in it; their queues go when the test is over. */

import { Broker } from "./broker.ts";
import { apply, Kube, kubectl, type Live } from "./kube.ts";
import { until } from "./wait.ts";

/** Of all namespaces that tests make. */
export const TEST_LABEL = "asya.sh/cluster-test";

/** The Python that tests' actors run. */
const WORK = `
import os, signal, sys, time

def echo(payload):
    return payload

def slow(payload):
    print(f"started {payload['n']}", flush=True)
    time.sleep(payload["seconds"])
    print(f"finished {payload['n']}", flush=True)
    return {**payload, "by": os.environ.get("HOSTNAME")}

def attempts(envelope):
    attempt = envelope.get("status", {}).get("attempt", 1)
    print(f"started {attempt}", flush=True)
    time.sleep(envelope["payload"]["seconds"])
    print(f"finished {attempt}", flush=True)
    route = {**envelope["route"], "current": envelope["route"]["current"] + 1}
    return {**envelope, "route": route, "payload": {**envelope["payload"], "attempt": attempt}}

def version(payload):
    time.sleep(0.02)
    return {**payload, "version": os.environ.get("VERSION")}
`;

const MODULE = new URL("../../chart/files/echo.wasm", import.meta.url);

/** What an actor's spec may say beside its handler. */
export type Spec = Readonly<Record<string, unknown>>;

/** Scaling that a test can wait for. */
export function quickScaling(maxReplicas: number, more: Spec = {}): Spec {
  return {
    enabled: true,
    minReplicas: 0,
    maxReplicas,
    pollingInterval: 1,
    cooldownPeriod: 5,
    advanced: {
      behavior: {
        scaleDown: {
          stabilizationWindowSeconds: 0,
          policies: [{ type: "Percent", value: 100, periodSeconds: 1 }],
        },
      },
    },
    ...more,
  };
}

/** See the top of the file. */
export class Stage implements AsyncDisposable {
  /** Unique, for names that share a broker. */
  readonly id: string = crypto.randomUUID().slice(0, 6);
  readonly namespace = `asya-test-${this.id}`;
  readonly kube: Kube;
  broker: Broker;
  readonly #queues: string[] = [];

  private constructor(kube: Kube, broker: Broker) {
    this.kube = kube;
    this.broker = broker;
  }

  /** @param labels of the namespace */
  static async open(labels: Readonly<Record<string, string>> = {}): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const kube = stack.use(await Kube.open());
    const stage = new Stage(kube, stack.use(await Broker.open()));
    const { namespace: name } = stage;
    const metadata = { name, labels: { [TEST_LABEL]: "yes", ...labels } };
    await kubectl(
      ["create", "-f", "-"],
      60,
      JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata }),
    );
    await apply(
      name,
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "work", namespace: name },
        data: { "work.py": WORK },
      },
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "echo", namespace: name },
        binaryData: { "echo.wasm": (await Deno.readFile(MODULE)).toBase64() },
      },
    );
    stack.move();
    return stage;
  }

  /** A name that no other test has. */
  named(name: string): string {
    return `${name}-${this.id}`;
  }

  /** An actor with a function of this file's Python. */
  python(name: string, path: string, spec: Spec = {}): object {
    const handler = { python: { path: `work.${path}` } };
    return this.actor(name, { handler, ...spec }, { "asya.sh/code": "work" });
  }

  /** An actor with a plugin that answers with its input. */
  wasm(name: string, spec: Spec = {}): object {
    const module = { configMap: { name: "echo", key: "echo.wasm" } };
    return this.actor(name, { handler: { wasm: { module } }, ...spec });
  }

  /** An actor on the system's broker. Its queue is remembered, and deleted in the end. */
  actor(name: string, spec: Spec, annotations: Readonly<Record<string, string>> = {}): object {
    if (!this.#queues.includes(`asya-${name}`)) this.#queues.push(`asya-${name}`);
    return {
      apiVersion: "asya.sh/v1alpha1",
      kind: "AsyncActor",
      metadata: { name, annotations },
      spec: { transport: "rabbitmq", ...spec },
    };
  }

  /** Applies objects in the namespace. */
  async apply(...objects: readonly object[]): Promise<void> {
    await apply(this.namespace, ...objects);
  }

  /** A queue at the end of a route, for {@linkcode Broker.collect}. */
  async sink(): Promise<string> {
    const name = this.named("sink");
    await this.broker.sink(name);
    this.#queues.push(name);
    return name;
  }

  /** An actor as it is. */
  async look(name: string): Promise<Live | undefined> {
    return await this.kube.get(this.namespace, "asyncactors", name);
  }

  /** Waits for an actor to have one of these status words. */
  async becomes(name: string, words: string | readonly string[], seconds = 60): Promise<Live> {
    let seen: unknown;
    return await until(`${name} is ${words}`, seconds, async () => {
      const actor = await this.look(name);
      const { status, conditions } = actor?.status ?? {};
      seen = { status, conditions };
      return [words].flat().includes(status) && actor;
    }, { seen: () => seen });
  }

  /** Ready pods of an actor. */
  async ready(name: string): Promise<number> {
    const pods = await this.pods(name);
    return pods.filter(({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      status.conditions?.some((c: { type: string; status: string }) =>
        c.type === "Ready" && c.status === "True"
      )
    ).length;
  }

  /** All pods of an actor. */
  async pods(name: string): Promise<readonly Live[]> {
    return await this.kube.list(this.namespace, "pods", `asya.sh/actor=${name}`);
  }

  /** A new connection to the broker: the old one's pod is gone. */
  async reconnect(): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
    this.broker = await Broker.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await kubectl(["delete", "namespace", this.namespace, "--wait=false"]);
    const queues = this.#queues.flatMap((queue) => [queue, `${queue}-dlq`]);
    try {
      await until("no actor in the namespace", 60, async () => {
        return (await this.kube.list(this.namespace, "asyncactors")).length === 0;
      });
      await this.broker.forget(...queues);
    } finally {
      await this.broker[Symbol.asyncDispose]();
      await this.kube[Symbol.asyncDispose]();
    }
  }
}
