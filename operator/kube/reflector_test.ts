import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { KubeClient } from "./client.ts";
import type { KubeObject } from "./object.ts";
import { Reflector, type ReflectorTimes } from "./reflector.ts";
import { RESOURCES } from "./resources.ts";
import { Store } from "./store.ts";

const TIMES: Partial<ReflectorTimes> = { firstPauseMs: 5, longestPauseMs: 20, silenceMs: 5_000 };

/** An API server for one list and watch; a test says what each request gets. */
class Server implements AsyncDisposable {
  readonly requests: string[] = [];
  /** Objects that a list answers with. */
  items: unknown[] = [];
  version = "1";
  /** Answers lists; default: the items. */
  onList: (() => Response) | undefined;
  #watches: ReadableStreamDefaultController<Uint8Array>[] = [];
  #changed = Promise.withResolvers<void>();
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => undefined };
    this.#http = Deno.serve(options, (request) => this.#answer(new URL(request.url)));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#http.addr.port}`;
  }

  /** Sends events to the newest watch. */
  send(...events: unknown[]): void {
    const text = events.map((event) => JSON.stringify(event) + "\n").join("");
    this.#watches.at(-1)!.enqueue(new TextEncoder().encode(text));
  }

  /** Ends the newest watch as a server does, or as a broken connection. */
  end(error?: Error): void {
    const watch = this.#watches.at(-1)!;
    if (error === undefined) watch.close();
    else watch.error(error);
  }

  /** Resolves when so many watches were begun. */
  async watched(count: number): Promise<void> {
    while (this.#watches.length < count) await this.#changed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.shutdown();
  }

  #answer({ searchParams }: URL): Response {
    const version = searchParams.get("resourceVersion") ?? "";
    if (searchParams.get("watch") === null) {
      this.requests.push("list");
      const metadata = { resourceVersion: this.version };
      return this.onList?.() ?? Response.json({ metadata, items: this.items });
    }
    this.requests.push(`watch ${version}`);
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#watches.push(controller);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      },
    });
    return new Response(body);
  }
}

function pod(name: string, resourceVersion: string, more: Partial<KubeObject> = {}): KubeObject {
  const metadata = { name, namespace: "shop", resourceVersion };
  return { apiVersion: "v1", kind: "Pod", metadata, ...more };
}

/** Follows pods of a server; `until` waits for a change of what is known, at most a while. */
function follow(server: Server, times: Partial<ReflectorTimes> = {}) {
  const client = new KubeClient({ server: server.url, namespace: "shop" });
  const told: string[] = [];
  let changed = Promise.withResolvers<void>();
  const store = new Store({
    changed: ({ metadata: { name } }, gone) => {
      told.push(gone ? `-${name}` : name);
      changed.resolve();
      changed = Promise.withResolvers();
    },
  });
  const log = createLogger({ level: "error", write: () => undefined });
  const scope = { resource: RESOURCES.pods, namespace: "shop" };
  const reflector = new Reflector(client, scope, store, log, { ...TIMES, ...times });
  const end = new AbortController();
  const running = reflector.run(end.signal);
  return {
    store,
    told,
    reflector,
    async until(names: string): Promise<void> {
      const known = () => [...store.values()].map(({ metadata }) => metadata.name).sort().join(" ");
      while (known() !== names) await changed.promise;
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
      client.close();
    },
  };
}

Deno.test("Reflector lists, then follows the watch from the list's version", async () => {
  await using server = new Server();
  server.items = [pod("a", "1")];
  await using followed = follow(server);
  await followed.reflector.synced;
  await server.watched(1);
  server.send({ type: "ADDED", object: pod("b", "2") });
  await followed.until("a b");
  server.send({ type: "DELETED", object: pod("a", "3") });
  await followed.until("b");
  assert.deepEqual(server.requests, ["list", "watch 1"]);
  assert.deepEqual(followed.told, ["a", "b", "-a"]);
});

Deno.test("Reflector goes on from the last bookmark when the server ends the watch", async () => {
  await using server = new Server();
  await using followed = follow(server);
  await server.watched(1);
  server.send({ type: "BOOKMARK", object: pod("", "41") });
  server.end();
  await server.watched(2);
  server.send({ type: "ADDED", object: pod("a", "42") });
  await followed.until("a");
  assert.deepEqual(server.requests, ["list", "watch 1", "watch 41"]);
});

Deno.test("Reflector lists again when the server no longer knows the version (410)", async () => {
  await using server = new Server();
  server.items = [pod("a", "1"), pod("b", "1")];
  await using followed = follow(server);
  await followed.until("a b");
  await server.watched(1);
  server.items = [pod("b", "1"), pod("c", "8")];
  server.version = "9";
  server.send({ type: "ERROR", object: { code: 410, message: "too old resource version" } });
  await followed.until("b c");
  await server.watched(2);
  assert.deepEqual(server.requests, ["list", "watch 1", "list", "watch 9"]);
  assert.deepEqual(followed.told, ["a", "b", "c", "-a"]); // b is as it was
});

Deno.test("Reflector watches again after a broken connection", async () => {
  await using server = new Server();
  await using followed = follow(server);
  await server.watched(1);
  server.send({ type: "ADDED", object: pod("a", "5") });
  await followed.until("a");
  server.end(new Error("cut"));
  await server.watched(2);
  server.send({ type: "MODIFIED", object: pod("b", "6") });
  await followed.until("a b");
  assert.deepEqual(server.requests, ["list", "watch 1", "watch 5"]);
});

Deno.test("Reflector begins a silent watch anew", async () => {
  await using server = new Server();
  await using followed = follow(server, { silenceMs: 50 });
  await server.watched(3);
  assert.deepEqual(server.requests.slice(0, 3), ["list", "watch 1", "watch 1"]);
  assert.equal(followed.reflector.trouble, undefined);
});

Deno.test("Reflector says what keeps it from listing, and lists when that is over", async () => {
  await using server = new Server();
  const refused = { reason: "Forbidden", message: "pods is forbidden" };
  let asked = 0;
  server.onList = () => {
    if (++asked === 3) server.onList = undefined;
    return Response.json(refused, { status: 403 });
  };
  await using followed = follow(server);
  await followed.reflector.synced;
  assert.equal(asked, 3);
  assert.equal(followed.reflector.trouble, undefined);
});

Deno.test("Reflector tells nothing of a change that only raised the version", async () => {
  await using server = new Server();
  await using followed = follow(server);
  await server.watched(1);
  server.send(
    { type: "ADDED", object: pod("a", "2", { status: { phase: "Running" } }) },
    { type: "MODIFIED", object: pod("a", "3", { status: { phase: "Running" } }) },
    { type: "MODIFIED", object: pod("a", "4", { status: { phase: "Failed" } }) },
    { type: "ADDED", object: pod("b", "5") },
  );
  await followed.until("a b");
  assert.deepEqual(followed.told, ["a", "a", "b"]);
});
