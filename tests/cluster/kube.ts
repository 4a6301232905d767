/** The API server, for tests: by `kubectl proxy`, which knows the way that the user's kubectl knows. */

import { outputOf, runTool } from "@asya/deploy";
import { startBeside } from "./wait.ts";

/** An object as the API server has it; tests know what they look at. */
export interface Live {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  // deno-lint-ignore no-explicit-any -- of any kind
  readonly spec?: any;
  // deno-lint-ignore no-explicit-any -- of any kind
  readonly status?: any;
  readonly data?: Readonly<Record<string, string>>;
}

/** Where the API server has a kind, by the word that tests use. */
const ROOTS = {
  asyncactors: "/apis/asya.sh/v1alpha1",
  deployments: "/apis/apps/v1",
  statefulsets: "/apis/apps/v1",
  scaledobjects: "/apis/keda.sh/v1alpha1",
  triggerauthentications: "/apis/keda.sh/v1alpha1",
  networkpolicies: "/apis/networking.k8s.io/v1",
  leases: "/apis/coordination.k8s.io/v1",
  pods: "/api/v1",
  secrets: "/api/v1",
  configmaps: "/api/v1",
  events: "/api/v1",
} as const;

/** A kind that tests look at. */
export type Kind = keyof typeof ROOTS;

/** Runs kubectl. @throws ToolError with what it said */
export function kubectl(args: readonly string[], timeoutS = 60, input?: string): Promise<string> {
  const options = { timeoutMs: timeoutS * 1_000, ...input === undefined ? {} : { input } };
  return outputOf(runTool, ["kubectl", ...args], options);
}

/** Applies objects as a user would. @throws ToolError with what kubectl said */
export function apply(namespace: string, ...objects: readonly object[]): Promise<string> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const server = ["--server-side", "--force-conflicts"];
  return kubectl(["-n", namespace, "apply", ...server, "-f", "-"], 60, list);
}

/** Looks at objects. */
export class Kube implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #root: string;

  private constructor(stack: AsyncDisposableStack, root: string) {
    this.#stack = stack;
    this.#root = root;
  }

  /** Begins. */
  static async open(): Promise<Kube> {
    await using stack = new AsyncDisposableStack();
    const proxy = stack.use(
      await startBeside(["kubectl", "proxy", "--port=0"], /127\.0\.0\.1:\d+/),
    );
    return new Kube(stack.move(), `http://${proxy.said[0]}`);
  }

  /** One object; undefined: there is none. */
  async get(namespace: string, kind: Kind, name: string): Promise<Live | undefined> {
    return await this.#read(`${ROOTS[kind]}/namespaces/${namespace}/${kind}/${name}`) as Live;
  }

  /** All of a kind, of those with a label. */
  async list(namespace: string, kind: Kind, selector = ""): Promise<readonly Live[]> {
    const query = `labelSelector=${encodeURIComponent(selector)}`;
    const found = await this.#read(`${ROOTS[kind]}/namespaces/${namespace}/${kind}?${query}`);
    return (found as { items: readonly Live[] }).items;
  }

  /** What the API server says to a new object, which it does not keep. @returns nothing: it takes it */
  async refusal(namespace: string, kind: Kind, object: object): Promise<string | undefined> {
    return await this.#post(`${ROOTS[kind]}/namespaces/${namespace}/${kind}?dryRun=All`, object);
  }

  /** Makes an object. @throws Error with what the API server said */
  async create(namespace: string, kind: Kind, object: object): Promise<void> {
    const said = await this.#post(`${ROOTS[kind]}/namespaces/${namespace}/${kind}?`, object);
    if (said !== undefined) throw new Error(said);
  }

  async #post(path: string, object: object): Promise<string | undefined> {
    const url = `${this.#root}${path}&fieldValidation=Strict`;
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(object),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    return response.ok ? undefined : JSON.parse(text).message;
  }

  async #read(path: string): Promise<unknown> {
    const signal = AbortSignal.timeout(20_000);
    const response = await fetch(this.#root + path, { signal });
    const text = await response.text();
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 1_000)}`);
    return JSON.parse(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
