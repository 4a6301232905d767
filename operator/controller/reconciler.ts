/** Brings the world to what an actor says, one step after the other, and says how far that got. */

import { type AsyncActor, readActor } from "@asya/manifest";
import type { Logger } from "@asya/telemetry";
import type { OperatorConfig } from "../config.ts";
import { keyOf, type KubeClient } from "../kube/client.ts";
import { KubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { RESOURCES } from "../kube/resources.ts";
import { storeKey } from "../kube/store.ts";
import { desired } from "../specs/desired.ts";
import type { Facts } from "../specs/facts.ts";
import { specProblems } from "../specs/problems.ts";
import type { ActorStatus } from "../status/actor_status.ts";
import type { QueueSeen } from "../status/observed.ts";
import type { PodWarning } from "../status/pod_view.ts";
import { statusOf } from "../status/status.ts";
import type { ActorQueues } from "./actor_queues.ts";
import type { Applier } from "./applier.ts";
import type { Cluster } from "./cluster.ts";
import type { Events } from "./events.ts";
import { FINALIZER, type Finalizer, needsFinalizer } from "./finalizer.ts";
import type { NamespaceObjects } from "./namespace_objects.ts";
import { superfluous } from "./ownership.ts";
import type { StatusWriter } from "./status_writer.ts";
import { PATIENCE_MS, volumeWarnings, waitsForVolumes } from "./volume_warnings.ts";

/** What the steps work with. */
export interface ReconcilerOptions {
  readonly client: KubeClient;
  readonly cluster: Cluster;
  readonly config: () => OperatorConfig;
  readonly facts: () => Facts;
  readonly queues: ActorQueues;
  readonly applier: Applier;
  readonly namespaces: NamespaceObjects;
  readonly finalizer: Finalizer;
  readonly statuses: StatusWriter;
  readonly events: Events;
  /** Whether other actors wait to be worked on. */
  readonly busy: () => boolean;
  readonly log: Logger;
}

/** What is read of an actor: it, or what is wrong with it. */
type Reading = { readonly actor: AsyncActor } | { readonly problems: readonly string[] };

/** What the API server refused; no kind: it was none of the actor's own objects. */
interface Failure {
  readonly error: Error;
  readonly kind: string;
}

const WORKLOADS: readonly string[] = [RESOURCES.deployments.kind, RESOURCES.statefulSets.kind];

/** See the top of the file. */
export class Reconciler {
  readonly #o: ReconcilerOptions;
  /** Actors that were worked on. */
  readonly #begun = new Set<string>();

  constructor(options: ReconcilerOptions) {
    this.#o = options;
  }

  /**
   * One actor, by `namespace/name`.
   *
   * @returns after how many ms to look again, if nothing calls before
   * @throws KubeError, NameTaken: to be tried again; the status says so already
   */
  async reconcile(key: string): Promise<number | void> {
    const { cluster, queues, statuses, finalizer } = this.#o;
    const live = cluster.actors.get(key);
    if (live === undefined) {
      queues.forget(key);
      statuses.forget(key);
      this.#begun.delete(key);
      return;
    }
    const reading = this.#read(live);
    if (live.metadata.deletionTimestamp !== undefined) {
      const told = await this.#writeStatus(live, reading, { state: "unknown" });
      const ended = await finalizer.finish(live, "actor" in reading ? reading.actor : undefined);
      return earlier(told, ended);
    }
    if ("problems" in reading) {
      return await this.#writeStatus(live, reading, { state: "unknown" });
    }
    await this.#keepFinalizer(live);
    const isNew = !this.#begun.has(key) && this.#workload(key) === undefined;
    this.#begun.add(key);
    // Where many come at once, all have their workloads before the first of them has the rest.
    if (isNew && this.#o.busy()) {
      if (await this.#apply(live, reading.actor, "workload") === undefined) return 0;
    }
    // A broker is slower than the API server, and a sidecar waits for its queue.
    const [queue, failure] = await Promise.all([
      queues.ensure(key, reading.actor),
      this.#apply(live, reading.actor),
    ]);
    // What is in the namespace goes one by one, this actor too: that is no trouble of its own.
    if (failure?.error instanceof KubeError && failure.error.namespaceEnds) return;
    const again = await this.#writeStatus(live, reading, queue, failure);
    if (failure !== undefined) throw failure.error;
    return again;
  }

  #read(live: KubeObject): Reading {
    const read = readActor(live);
    if ("problems" in read) return { problems: read.problems };
    const problems = specProblems(read.actor, this.#o.config(), this.#o.facts());
    return problems.length === 0 ? read : { problems };
  }

  /** An actor has the finalizer if and only if its deletion is work. */
  async #keepFinalizer(live: KubeObject): Promise<void> {
    const { finalizers = [], resourceVersion } = live.metadata;
    const wanted = needsFinalizer(live);
    if (finalizers.includes(FINALIZER) === wanted) return;
    const others = finalizers.filter((one) => one !== FINALIZER);
    const metadata = { finalizers: wanted ? [...others, FINALIZER] : others, resourceVersion };
    await this.#o.client.merge(RESOURCES.asyncActors, keyOf(live), { metadata });
  }

  #workload(key: string): KubeObject | undefined {
    const { cluster } = this.#o;
    return cluster.get(RESOURCES.deployments, key) ?? cluster.get(RESOURCES.statefulSets, key);
  }

  /** Everything that the actor needs, and nothing else; the first failure ends it. */
  async #apply(
    live: KubeObject,
    actor: AsyncActor,
    until: "end" | "workload" = "end",
  ): Promise<Failure | undefined> {
    const { client, cluster, config, facts, applier, namespaces } = this.#o;
    let kind = "";
    try {
      await namespaces.ensure(keyOf(live).namespace);
      const wanted = desired(actor, config(), facts());
      for (const object of wanted) {
        kind = object.kind;
        await applier.apply(object, live);
        if (until === "workload" && WORKLOADS.includes(kind)) return undefined;
      }
      kind = "";
      const made = cluster.madeFor(storeKey(live));
      for (const { resource, object } of superfluous(made, wanted, live)) {
        this.#o.log.info("deletes what the actor no longer needs", {
          actor: storeKey(live),
          kind: object.kind,
          object: storeKey(object),
        });
        await client.delete(resource, keyOf(object), object.metadata.uid);
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { error, kind };
    }
  }

  /** @returns after how many ms to look again */
  async #writeStatus(
    live: KubeObject,
    reading: Reading,
    queue: QueueSeen,
    failure?: Failure,
  ): Promise<number | void> {
    const { cluster, events, statuses } = this.#o;
    const key = storeKey(live);
    const before = statuses.before(live);
    const actor = "actor" in reading ? reading.actor : undefined;
    const workload = this.#workload(key);
    const scaledObject = cluster.get(RESOURCES.scaledObjects, key);
    const pods = cluster.pods.by(key);
    const starting = pods.filter(waitsForVolumes);
    const now = statusOf({ metadata: live.metadata, ...actor && { spec: actor.spec } }, {
      now: new Date(),
      problems: "problems" in reading ? reading.problems : [],
      queue: counted(queue, before),
      ...workload === undefined ? {} : { workload },
      pods,
      warnings: await this.#warnings(starting),
      ...scaledObject === undefined ? {} : { scaledObject },
      keda: cluster.keda,
      ...failure === undefined
        ? {}
        : { applyError: failure.error.message, applyErrorKind: failure.kind },
      ...before === undefined ? {} : { before },
      terminating: live.metadata.deletionTimestamp !== undefined,
    });
    const again = await statuses.write(live, before, now);
    if (again === undefined && before?.status !== now.status) {
      await events.record(live, isTrouble(now) ? "Warning" : "Normal", now.status, messageOf(now));
    }
    // Events are not followed, so a pod that does not start is looked at again.
    return starting.length > 0 ? earlier(again, PATIENCE_MS) : again;
  }

  /** Without them the status only says less. */
  async #warnings(starting: readonly KubeObject[]): Promise<readonly PodWarning[]> {
    const since = Date.now() - PATIENCE_MS;
    const late = starting.filter(({ metadata: { creationTimestamp = "" } }) =>
      Date.parse(creationTimestamp) <= since
    );
    try {
      return await volumeWarnings(this.#o.client, late);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      this.#o.log.warn("events of pods cannot be read", { error });
      return [];
    }
  }
}

function earlier(one: number | void, other: number | void): number | void {
  return one === undefined || other === undefined ? one ?? other : Math.min(one, other);
}

/** A queue that was made sure of and not counted yet has as many messages as were written last. */
function counted(queue: QueueSeen, before: ActorStatus | undefined): QueueSeen {
  if (queue.state !== "ready" || queue.queued !== undefined) return queue;
  const { queuedMessages: queued, processingMessages: processing } = before ?? {};
  return {
    state: "ready",
    ...queued === undefined ? {} : { queued },
    ...processing === undefined ? {} : { processing },
  };
}

function isTrouble({ status }: ActorStatus): boolean {
  return status.endsWith("Error") || status === "Degraded" || status === "PendingResources";
}

/** What a person should know: of the condition that is the reason. */
function messageOf({ conditions, status, readyReplicasSummary }: ActorStatus): string {
  const ready = conditions.find(({ type }) => type === "Ready");
  return ready?.message || `${status}: ${readyReplicasSummary} ready`;
}
