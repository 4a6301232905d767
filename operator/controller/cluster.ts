/** What the operator knows of the cluster: informers of everything that it makes or looks at. */

import type { Logger } from "@asya/telemetry";
import type { KubeClient } from "../kube/client.ts";
import { Informer } from "../kube/informer.ts";
import type { KubeObject } from "../kube/object.ts";
import { type Resource, RESOURCES } from "../kube/resources.ts";
import { storeKey } from "../kube/store.ts";
import { slimPod } from "./pods.ts";
import { ACTOR_LABEL, actorKeyOf, MANAGED } from "./ownership.ts";

/** What is followed, and who is told. */
export interface ClusterOptions {
  readonly client: KubeClient;
  /** None: all. */
  readonly namespaces: readonly string[];
  readonly log: Logger;
  /** Something changed that an actor's objects or status follow from: `namespace/name`. */
  readonly actorChanged: (key: string) => void;
  /** Something changed that a namespace has once. */
  readonly namespaceChanged: (namespace: string) => void;
  /** An object is gone. */
  readonly gone: (object: KubeObject) => void;
}

/**
 * What is made for actors, KEDA's kinds apart. Secrets are not followed: the operator may see those
 * that it makes, by their names, and no others.
 */
const MADE = [
  RESOURCES.deployments,
  RESOURCES.statefulSets,
  RESOURCES.serviceAccounts,
  RESOURCES.disruptionBudgets,
  RESOURCES.configMaps,
];
const KEDA = [RESOURCES.scaledObjects, RESOURCES.triggerAuthentications];

/** See the top of the file. */
export class Cluster {
  readonly #o: ClusterOptions;
  readonly actors: Informer;
  readonly pods: Informer;
  /** By kind. */
  readonly #made = new Map<string, Informer>();
  #keda: readonly Informer[] = [];

  constructor(options: ClusterOptions) {
    this.#o = options;
    const { client, namespaces, log, actorChanged } = options;
    this.actors = new Informer(client, {
      resource: RESOURCES.asyncActors,
      namespaces,
      log,
      news: declared,
      changed: (actor) => actorChanged(storeKey(actor)),
    });
    this.pods = new Informer(client, {
      resource: RESOURCES.pods,
      labelSelector: ACTOR_LABEL,
      namespaces,
      log,
      keep: slimPod,
      index: actorKeyOf,
      changed: (pod) => actorChanged(actorKeyOf(pod)!),
    });
    for (const resource of MADE) this.#made.set(resource.kind, this.#follow(resource));
  }

  /** Whether everything has been listed once; resolves then. */
  async start(): Promise<void> {
    const all = [this.actors, this.pods, ...this.#made.values()];
    for (const one of all) one.start();
    await Promise.all(all.map((one) => one.synced()));
  }

  /** Whether KEDA's objects are followed. */
  get keda(): boolean {
    return this.#keda.length > 0;
  }

  /** Begins or ends to follow KEDA's objects; true: that was a change. */
  async setKeda(present: boolean): Promise<boolean> {
    if (present === this.keda) return false;
    if (present) {
      const followed = KEDA.map((resource) => [resource.kind, this.#follow(resource)] as const);
      for (const [kind, informer] of followed) {
        this.#made.set(kind, informer);
        informer.start();
      }
      await Promise.all(followed.map(([, informer]) => informer.synced()));
      this.#keda = followed.map(([, informer]) => informer);
    } else {
      for (const { kind } of KEDA) this.#made.delete(kind);
      await Promise.all(this.#keda.map((informer) => informer.stop()));
      this.#keda = [];
    }
    return true;
  }

  /** Whether objects of this kind are followed. */
  follows({ kind }: KubeObject): boolean {
    return this.#made.has(kind);
  }

  /** An object of a followed kind as it is known. */
  find(object: KubeObject): KubeObject | undefined {
    return this.#made.get(object.kind)?.get(storeKey(object));
  }

  /** One of a kind, by `namespace/name`. */
  get({ kind }: Resource, key: string): KubeObject | undefined {
    return this.#made.get(kind)?.get(key);
  }

  /** Everything that has an actor's label, pods apart. */
  madeFor(actorKey: string): KubeObject[] {
    return [...this.#made.values()].flatMap((informer) => informer.by(actorKey));
  }

  /** Actors of a namespace. */
  actorsIn(namespace: string): KubeObject[] {
    return [...this.actors.values()].filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** Why nothing new is known at present. */
  get trouble(): string | undefined {
    const all = [this.actors, this.pods, ...this.#made.values()];
    return all.find(({ trouble }) => trouble !== undefined)?.trouble;
  }

  /** Ends. */
  async stop(): Promise<void> {
    const all = [this.actors, this.pods, ...this.#made.values()];
    await Promise.all(all.map((informer) => informer.stop()));
  }

  #follow(resource: Resource): Informer {
    const { client, namespaces, log, actorChanged, namespaceChanged, gone } = this.#o;
    return new Informer(client, {
      resource,
      labelSelector: MANAGED,
      namespaces,
      log,
      index: actorKeyOf,
      changed(object, isGone) {
        if (isGone) gone(object);
        const key = actorKeyOf(object);
        if (key !== undefined) actorChanged(key);
        else namespaceChanged(object.metadata.namespace ?? "");
      },
    });
  }
}

/** What people say of an actor; its status is the operator's own word. */
function declared({ metadata, spec }: KubeObject): unknown {
  const { labels, annotations, finalizers, deletionTimestamp, uid } = metadata;
  return { labels, annotations, finalizers, deletionTimestamp, uid, spec };
}
