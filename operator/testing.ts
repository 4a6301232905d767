/** For tests: a namespace of a real cluster, and operators that work in it as processes. */

import { join } from "node:path";
import { asyncActorCrd } from "./api/crd.ts";
import { findAccess } from "./kube/access.ts";
import { KubeClient } from "./kube/client.ts";
import type { KubeObject } from "./kube/object.ts";

/** The cluster that tests may use. */
export const KUBECONFIG: string | undefined = Deno.env.get("ASYA_TEST_KUBECONFIG") || undefined;

const PATIENCE_MS = 40_000;
const LOOK_MS = 100;

/** Waits for a condition. @throws Error that says what did not come */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>) {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`within ${PATIENCE_MS / 1000} s there was not: ${what}`);
}

/** A namespace that nobody else uses, gone in the end; the CRD is there. */
export class Namespace implements AsyncDisposable {
  readonly name = `asya-d2-${crypto.randomUUID().slice(0, 8)}`;
  readonly client: KubeClient;
  readonly #http: Deno.HttpClient;
  readonly #server: string;

  private constructor() {
    const access = findAccess({ KUBECONFIG });
    const { ca, cert, key } = access;
    this.client = new KubeClient(access);
    this.#server = access.server;
    this.#http = Deno.createHttpClient({
      ...ca === undefined ? {} : { caCerts: [ca] },
      ...cert === undefined || key === undefined ? {} : { cert, key },
    });
  }

  /** Makes one. */
  static async make(): Promise<Namespace> {
    const namespace = new Namespace();
    const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const crd = asyncActorCrd();
    const apply = `${crds}/${crd.metadata.name}?fieldManager=test&force=true`;
    await namespace.#send("PATCH", apply, crd, "application/apply-patch+yaml");
    await namespace.#send("POST", "/api/v1/namespaces", { metadata: { name: namespace.name } });
    return namespace;
  }

  /** An actor of this namespace. */
  actor(name: string, spec: object, annotations: Record<string, string> = {}): KubeObject {
    return {
      apiVersion: "asya.sh/v1alpha1",
      kind: "AsyncActor",
      metadata: { name, namespace: this.name, annotations },
      spec,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#send("DELETE", `/api/v1/namespaces/${this.name}`);
    this.#http.close();
    this.client.close();
  }

  async #send(method: string, path: string, body?: unknown, type = "application/json") {
    const response = await fetch(this.#server + path, {
      method,
      client: this.#http,
      headers: { "content-type": type },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  }
}

/** An operator's process. */
export interface OperatorProcess extends AsyncDisposable {
  /** Its log so far. */
  readonly lines: readonly string[];
  /** Its metrics. */
  metrics(): Promise<string>;
  /** Ends it. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number>;
}

const MAIN = new URL("./main.ts", import.meta.url).pathname;

/** Starts an operator for a namespace; `config` is its file, that many may share. */
export function startOperator(
  namespace: Namespace,
  config: string,
  identity: string,
): OperatorProcess {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN],
    env: {
      KUBECONFIG: KUBECONFIG!,
      ASYA_OPERATOR_CONFIG: config,
      ASYA_OPERATOR_NAMESPACE: namespace.name,
      ASYA_OPERATOR_IDENTITY: identity,
      ASYA_METRICS_ADDR: `127.0.0.1:${port}`,
    },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  const reading = (async () => {
    const text = process.stderr.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const chunk of text) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
    }
  })();
  let ended: Promise<number> | undefined;
  const end = (signal: "SIGTERM" | "SIGKILL") =>
    ended ??= (async () => {
      process.kill(signal);
      const { code } = await process.status;
      await reading;
      return code;
    })();
  return {
    lines,
    end,
    async metrics() {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      return await response.text();
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
    },
  };
}

/** A configuration file with one transport called `main`: a RabbitMQ. */
export async function writeConfig(
  folder: string,
  namespace: Namespace,
  rabbitmq: string,
): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(rabbitmq);
  await namespace.client.create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "broker", namespace: namespace.name },
    stringData: { password: decodeURIComponent(password) || "guest" },
  });
  const path = join(folder, "operator.json");
  const config = {
    namespaces: [namespace.name],
    queuePrefix: namespace.name,
    transports: {
      main: {
        type: "rabbitmq",
        host: hostname,
        port: Number(port) || 5672,
        vhost: decodeURIComponent(pathname.slice(1)) || "/",
        username: decodeURIComponent(username) || "guest",
        passwordSecretRef: { name: "broker", key: "password" },
        exchange: namespace.name,
      },
    },
    sidecar: { image: "asya-sidecar:dev" },
  };
  await Deno.writeTextFile(path, JSON.stringify(config));
  return path;
}
