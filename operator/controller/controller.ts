/** The operator at work: follows the cluster, works on what changed, looks after queues and pods. */

import type { Logger } from "@asya/telemetry";
import { pause } from "@asya/transport";
import type { KubeClient } from "../kube/client.ts";
import { RESOURCES } from "../kube/resources.ts";
import type { Metrics } from "../metrics.ts";
import type { ActorStatus } from "../status/actor_status.ts";
import { Admins } from "../transports/admins.ts";
import { ActorQueues } from "./actor_queues.ts";
import { Applier } from "./applier.ts";
import { Cluster } from "./cluster.ts";
import type { ConfigFile } from "./config_file.ts";
import { updateCosts } from "./deletion_cost.ts";
import { Events } from "./events.ts";
import { OwnSecrets } from "./facts.ts";
import { Finalizer } from "./finalizer.ts";
import { NamespaceObjects } from "./namespace_objects.ts";
import { Reconciler } from "./reconciler.ts";
import { StatusWriter } from "./status_writer.ts";
import { WorkQueue } from "./work_queue.ts";

/** What it works with. */
export interface ControllerOptions {
  readonly client: KubeClient;
  /** The operator's own, with its Secrets. */
  readonly namespace: string;
  readonly identity: string;
  readonly config: ConfigFile;
  readonly runtimeScripts: Readonly<Record<string, string>>;
  readonly metrics: () => Metrics;
  readonly log: Logger;
}

const WORKERS = 16;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
const REST_MS = 3_000;
/** How often the file is looked at, in ms. */
const CONFIG_MS = 5_000;
/** How often KEDA is looked for. */
const KEDA_MS = 60_000;
/** How often pods are asked what they have in hand. */
const COSTS_MS = 10_000;
/** How often the copies of a namespace are looked at: Secrets are not followed. */
const NAMESPACE_MS = 60_000;

/** One a process. */
export class Controller {
  readonly #o: ControllerOptions;
  readonly #cluster: Cluster;
  readonly #secrets: OwnSecrets;
  readonly #admins: Admins;
  readonly #queues: ActorQueues;
  readonly #namespaces: NamespaceObjects;
  readonly #reconciler: Reconciler;
  readonly #work: WorkQueue;
  readonly #end = new AbortController();
  readonly #restart = Promise.withResolvers<void>();
  #loops: readonly Promise<void>[] = [];
  #synced = false;

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { client, namespace, identity, config, runtimeScripts, metrics, log } = options;
    const add = (key: string) => this.#synced && this.#work.add(key);
    const addNamespace = (name: string) => {
      this.#namespaces.outdated(name);
      add(`${name}/`);
    };
    this.#secrets = new OwnSecrets(client, namespace, log, () => this.#everything());
    this.#admins = new Admins(namespace, log);
    const queues = this.#queues = new ActorQueues({
      admins: this.#admins,
      config: () => config.config,
      secrets: () => this.#secrets.values,
      changed: add,
      log,
    });
    const cluster = this.#cluster = new Cluster({
      client,
      namespaces: config.config.namespaces,
      log,
      actorChanged: add,
      namespaceChanged: addNamespace,
      gone: (object) => applier.forget(object),
    });
    const facts = () => ({
      runtimeScripts,
      secrets: this.#secrets.values,
      keda: cluster.keda,
    });
    const applier = new Applier(client, cluster, (kind) => metrics().applied(kind));
    const events = new Events(client, identity, log);
    const shared = { client, applier, config: () => config.config, facts };
    const namespaces = this.#namespaces = new NamespaceObjects(shared);
    const finalizer = new Finalizer({ client, cluster, queues, events, log });
    const statuses = new StatusWriter(client);
    this.#reconciler = new Reconciler({
      ...shared,
      cluster,
      queues,
      namespaces,
      finalizer,
      statuses,
      events,
      busy: () => this.#work.length > 0,
      log,
    });
    this.#work = new WorkQueue({
      work: (key) => this.#timed(key),
      workers: WORKERS,
      firstPauseMs: FIRST_PAUSE_MS,
      longestPauseMs: LONGEST_PAUSE_MS,
      restMs: REST_MS,
      onFailure: (key, error, failures, againMs) => {
        log.warn("not done; will be tried again", { key, failures, againMs, error });
      },
    });
  }

  /** Resolves when the process should begin anew: other namespaces are to be watched. */
  get restart(): Promise<void> {
    return this.#restart.promise;
  }

  /** Keys that wait for a worker. */
  get queueLength(): number {
    return this.#work.length;
  }

  /** Why it does not see the cluster as it is. */
  get trouble(): string | undefined {
    return this.#synced ? this.#cluster.trouble : this.#cluster.trouble ?? "reading the cluster";
  }

  /** Actors by their status word. */
  actors(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { status } of this.#cluster.actors.values()) {
      const word = (status as ActorStatus | undefined)?.status ?? "Unknown";
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    return counts;
  }

  /** Reads the cluster, then begins to work; resolves when everything is known. */
  async start(): Promise<void> {
    const { client, log } = this.#o;
    const { actors } = this.#cluster;
    const look = () => client.serves(RESOURCES.scaledObjects);
    await Promise.all([this.#secrets.start(), this.#cluster.start()]);
    await this.#cluster.setKeda(await look());
    if (!this.#cluster.keda) {
      log.warn("KEDA is not installed: actors run at spec.workload.replicas");
    }
    this.#synced = true;
    this.#everything();
    log.info("works", { actors: actors.size, keda: this.#cluster.keda });
    this.#loops = [
      this.#loop("config", CONFIG_MS, () => this.#lookAtConfig()),
      this.#loop("keda", KEDA_MS, async () => {
        if (await this.#cluster.setKeda(await look())) this.#everything();
      }),
      this.#loop("queues", CONFIG_MS, () => this.#queues.look()),
      this.#loop(
        "deletion costs",
        COSTS_MS,
        () => updateCosts(this.#cluster.pods.values(), client),
      ),
    ];
  }

  /** Ends what is under way and lets go of everything but the API server. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#work.stop();
    await Promise.all(this.#loops);
    await Promise.all([this.#cluster.stop(), this.#secrets.stop()]);
    await this.#admins.close();
  }

  /** All actors, and what their namespaces have: something has changed that all of them follow from. */
  #everything(): void {
    if (!this.#synced) return;
    this.#namespaces.outdated();
    for (const { metadata: { namespace = "", name } } of this.#cluster.actors.values()) {
      this.#work.add(`${namespace}/`);
      this.#work.add(`${namespace}/${name}`);
    }
  }

  async #lookAtConfig(): Promise<void> {
    const { config } = this.#o;
    const before = JSON.stringify(config.config.namespaces);
    if (!await config.look()) return;
    if (JSON.stringify(config.config.namespaces) !== before) this.#restart.resolve();
    else this.#everything();
  }

  async #timed(key: string): Promise<number | void> {
    const began = performance.now();
    let failed = true;
    try {
      const again = key.endsWith("/")
        ? await this.#workOnNamespace(key.slice(0, -1))
        : await this.#reconciler.reconcile(key);
      failed = false;
      return again;
    } finally {
      this.#o.metrics().reconciled((performance.now() - began) / 1000, failed);
      const namespace = key.split("/")[0]!;
      const left = this.#cluster.actors.get(key) === undefined && !key.endsWith("/");
      if (left) this.#work.add(`${namespace}/`);
    }
  }

  /** Looks at what a namespace has once, as long as it has actors. */
  async #workOnNamespace(namespace: string): Promise<number | void> {
    if (this.#cluster.actorsIn(namespace).length === 0) {
      return await this.#namespaces.remove(namespace);
    }
    this.#namespaces.outdated(namespace);
    await this.#namespaces.ensure(namespace);
    return NAMESPACE_MS;
  }

  /** Does something again and again; its answer is another pause than `everyMs`. */
  async #loop(name: string, everyMs: number, run: () => Promise<number | void>): Promise<void> {
    const { signal } = this.#end;
    let ms = everyMs;
    while (await pause(ms, signal)) {
      try {
        ms = await run() ?? everyMs;
      } catch (error) {
        if (!signal.aborted) this.#o.log.warn("a look failed; will look again", { name, error });
      }
    }
  }
}
