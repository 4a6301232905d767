/**
 * The end of an actor. What it owns in the cluster goes with it by itself; only a queue that is to
 * be deleted is work, so only an actor that asks for that has the finalizer. It never hangs: a
 * broker that stays away is given up, and the queue left.
 */

import type { AsyncActor } from "@asya/manifest";
import type { Logger } from "@asya/telemetry";
import { keyOf, type KubeClient } from "../kube/client.ts";
import { KubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { resourceOf, RESOURCES } from "../kube/resources.ts";
import { storeKey } from "../kube/store.ts";
import type { ActorQueues } from "./actor_queues.ts";
import type { Cluster } from "./cluster.ts";
import type { Events } from "./events.ts";
import { isOwnedBy } from "./ownership.ts";

/** Holds an actor back until its queue is gone. */
export const FINALIZER = "asya.sh/finalizer";

/** Annotation: `Delete` or `Retain` (default). */
export const QUEUE_DELETION = "asya.sh/queue-deletion";

const TRIES = 5;
const BETWEEN_TRIES_MS = 24_000;
/** How long the pods may take beyond their own grace, in ms. */
const PODS_MS = 60_000;
const DEFAULT_GRACE_S = 330;

/** Whether deleting the actor is work. */
export function needsFinalizer({ metadata: { annotations } }: KubeObject): boolean {
  return annotations?.[QUEUE_DELETION] === "Delete";
}

/** What it works with. */
export interface FinalizerOptions {
  readonly client: KubeClient;
  readonly cluster: Cluster;
  readonly queues: ActorQueues;
  readonly events: Events;
  readonly log: Logger;
}

/** What became of the queue: a word and a sentence for people; or when to try again. */
type Outcome =
  | { readonly reason: "QueueDeleted" | "QueueRetained"; readonly why: string }
  | { readonly againMs: number };

/** See the top of the file. */
export class Finalizer {
  readonly #o: FinalizerOptions;
  readonly #tries = new Map<string, number>();

  constructor(options: FinalizerOptions) {
    this.#o = options;
  }

  /**
   * Does what is left to do for an actor that is being deleted, and lets it go.
   *
   * @param actor absent where it cannot be read: its queue is left
   * @returns after how many ms to try again
   */
  async finish(live: KubeObject, actor: AsyncActor | undefined): Promise<number | void> {
    const { finalizers = [], uid = "" } = live.metadata;
    if (!finalizers.includes(FINALIZER)) return;
    const outcome = await this.#queue(live, actor);
    if ("againMs" in outcome) return outcome.againMs;
    const type = outcome.reason === "QueueDeleted" || !needsFinalizer(live) ? "Normal" : "Warning";
    await this.#o.events.record(live, type, outcome.reason, outcome.why);
    await this.#release(live, finalizers);
    this.#tries.delete(uid);
  }

  async #queue(live: KubeObject, actor: AsyncActor | undefined): Promise<Outcome> {
    const { queues } = this.#o;
    const retained = (why: string): Outcome => ({ reason: "QueueRetained", why });
    if (!needsFinalizer(live)) return retained("the queue is kept");
    if (actor === undefined) return retained("the spec cannot be read, so the queue is kept");
    if (!queues.owns(actor)) return retained("the queue is not the operator's, so it is kept");
    const podsMs = await this.#stopPods(live);
    if (podsMs > 0) return { againMs: podsMs };
    return await this.#remove(live, actor);
  }

  async #remove(live: KubeObject, actor: AsyncActor): Promise<Outcome> {
    const { uid = "" } = live.metadata;
    try {
      const admin = await this.#o.queues.admin(actor.spec.transport);
      const others = this.#o.cluster.actors.values();
      if (isShared(live, admin.queueName(actor.metadata.name), others)) {
        const why = "another actor takes from the queue, so it is kept";
        return { reason: "QueueRetained", why };
      }
      return await admin.remove(actor.metadata.name) === "removed"
        ? { reason: "QueueDeleted", why: "the queue and its dead letters are deleted" }
        : { reason: "QueueRetained", why: "somebody else takes from the queue, so it is kept" };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const tries = (this.#tries.get(uid) ?? 0) + 1;
      this.#tries.set(uid, tries);
      this.#o.log.warn("the queue is not deleted yet", { actor: storeKey(live), tries, error });
      if (tries < TRIES) return { againMs: BETWEEN_TRIES_MS };
      return { reason: "QueueRetained", why: `after ${tries} tries the queue is left: ${message}` };
    }
  }

  /** The actor's own pods take from the queue, too. @returns ms to wait; 0: they are gone, or late */
  async #stopPods(live: KubeObject): Promise<number> {
    const { client, cluster } = this.#o;
    const key = storeKey(live);
    let graceS = DEFAULT_GRACE_S;
    for (const object of cluster.madeFor(key)) {
      if (!isOwnedBy(object, live.metadata)) continue;
      graceS = graceOf(object) ?? graceS;
      const leaving = object.metadata.deletionTimestamp !== undefined;
      if (!leaving) await client.delete(resourceOf(object), keyOf(object), object.metadata.uid);
    }
    if (cluster.pods.by(key).length === 0) return 0;
    const since = Date.now() - Date.parse(live.metadata.deletionTimestamp!);
    return Math.min(Math.max(graceS * 1000 + PODS_MS - since, 0), BETWEEN_TRIES_MS);
  }

  async #release(live: KubeObject, finalizers: readonly string[]): Promise<void> {
    const rest = finalizers.filter((one) => one !== FINALIZER);
    const metadata = { finalizers: rest, resourceVersion: live.metadata.resourceVersion };
    try {
      await this.#o.client.merge(RESOURCES.asyncActors, keyOf(live), { metadata });
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error; // it has gone already
    }
  }
}

/** Whether any of `others` takes from an actor's own queue: by its name, or as the actor of that name. */
export function isShared(live: KubeObject, queue: string, others: Iterable<KubeObject>): boolean {
  const { transport } = live.spec as Taking;
  for (const other of others) {
    const { uid, name, deletionTimestamp } = other.metadata;
    if (uid === live.metadata.uid || deletionTimestamp !== undefined) continue;
    const taking = other.spec as Taking;
    if (taking.transport !== transport) continue;
    if (taking.queueName === queue) return true;
    if (taking.queueName === undefined && name === live.metadata.name) return true;
  }
  return false;
}

interface Taking {
  readonly transport?: string;
  readonly queueName?: string;
}

/** Seconds that a workload gives its pods. */
function graceOf({ spec }: KubeObject): number | undefined {
  const { template } = (spec ?? {}) as {
    readonly template?: { readonly spec?: { readonly terminationGracePeriodSeconds?: number } };
  };
  return template?.spec?.terminationGracePeriodSeconds;
}
