/** The SQS of values.yaml, an emulator in a pod of its own, and its queues from outside. */

import { SQS } from "@aws-sdk/client-sqs";
import { outputOf, runTool } from "@asya/deploy";
import { apply, kubectl } from "./kube.ts";
import { SYSTEM } from "./system.ts";
import { startBeside, until } from "./wait.ts";

/** Of pod, Service, ConfigMap and Secret. */
const NAME = "asya-test-sqs";
const REGION = "eu-central-1";
/** The emulator takes any. */
const KEYS = { accessKeyId: "test", secretAccessKey: "test" };
const BATCH = 10;

/** The program as one file, small enough for a ConfigMap. */
async function server(): Promise<string> {
  const source = new URL("./sqs_server.ts", import.meta.url).pathname;
  const dir = await Deno.makeTempDir({ prefix: "asya-sqs-" });
  try {
    const file = `${dir}/server.js`;
    const bundle = [Deno.execPath(), "bundle", "--quiet", "--minify", "-o", file, source];
    await outputOf(runTool, bundle, { timeoutMs: 120_000 });
    return await Deno.readTextFile(file);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function objects(): Promise<readonly object[]> {
  const labels = { app: NAME };
  const container = {
    name: NAME,
    image: "denoland/deno:2.9.6",
    command: ["deno", "run", "--no-config", "-A", "/app/server.js"],
    readinessProbe: { tcpSocket: { port: 4566 }, periodSeconds: 1 },
    volumeMounts: [{ name: "app", mountPath: "/app" }],
  };
  const volumes = [{ name: "app", configMap: { name: NAME } }];
  const core = { apiVersion: "v1", metadata: { name: NAME, labels } };
  return [
    { ...core, kind: "ConfigMap", data: { "server.js": await server() } },
    { ...core, kind: "Pod", spec: { containers: [container], volumes } },
    { ...core, kind: "Service", spec: { selector: labels, ports: [{ port: 4566 }] } },
    { ...core, kind: "Secret", stringData: KEYS },
  ];
}

/** See the top of the file. */
export class Sqs implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #client: SQS;

  private constructor(stack: AsyncDisposableStack, client: SQS) {
    this.#stack = stack;
    this.#client = client;
  }

  /** Starts it. */
  static async open(): Promise<Sqs> {
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => {
      const kinds = "pod,service,configmap,secret";
      const selector = ["-l", `app=${NAME}`, "--grace-period=1"];
      await kubectl(["-n", SYSTEM, "delete", kinds, ...selector]);
    });
    await apply(SYSTEM, ...await objects());
    await kubectl(["-n", SYSTEM, "wait", "pod", NAME, "--for=condition=Ready"]);
    const forward = ["kubectl", "-n", SYSTEM, "port-forward", `service/${NAME}`, ":4566"];
    const { said } = stack.use(await startBeside(forward, /127\.0\.0\.1:(\d+) /));
    const endpoint = `http://127.0.0.1:${said[1]}`;
    const client = new SQS({ endpoint, region: REGION, credentials: KEYS });
    return new Sqs(stack.move(), client);
  }

  /** Makes a queue at the end of routes. */
  async sink(actor: string): Promise<void> {
    await this.#client.createQueue({ QueueName: `asya-${actor}` });
  }

  /** Puts envelopes on the queue of the first actor. */
  async send(actors: readonly string[], count: number): Promise<string[]> {
    const QueueUrl = await this.#url(actors[0]!);
    const ids = Array.from({ length: count }, () => crypto.randomUUID());
    for (let n = 0; n < count; n += BATCH) {
      const Entries = ids.slice(n, n + BATCH).map((id) => ({
        Id: id,
        MessageBody: JSON.stringify({ id, route: { actors, current: 0 }, payload: { n } }),
      }));
      const { Failed = [] } = await this.#client.sendMessageBatch({ QueueUrl, Entries });
      if (Failed.length > 0) throw new Error(`not sent: ${JSON.stringify(Failed)}`);
    }
    return ids;
  }

  /** Takes out ids until so many different ones have come. @returns how often each came */
  async collect(sink: string, count: number, seconds: number): Promise<Map<string, number>> {
    const QueueUrl = await this.#url(sink);
    const arrived = new Map<string, number>();
    await until(`${count} envelopes at ${sink}`, seconds, async () => {
      const take = { QueueUrl, MaxNumberOfMessages: BATCH, WaitTimeSeconds: 1 };
      for (
        const { Body, ReceiptHandle } of (await this.#client.receiveMessage(take)).Messages ?? []
      ) {
        const { id } = JSON.parse(Body!);
        arrived.set(id, (arrived.get(id) ?? 0) + 1);
        await this.#client.deleteMessage({ QueueUrl, ReceiptHandle });
      }
      return arrived.size >= count;
    }, { seen: () => `${arrived.size} of them`, everyMs: 0 });
    return arrived;
  }

  async #url(actor: string): Promise<string> {
    return (await this.#client.getQueueUrl({ QueueName: `asya-${actor}` })).QueueUrl!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    await this.#stack.disposeAsync();
  }
}
