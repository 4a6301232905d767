/** Writes statuses, where they are worth it, and knows what was written last. */

import { keyOf, type KubeClient } from "../kube/client.ts";
import { KubeError } from "../kube/errors.ts";
import { type KubeObject, versionOf } from "../kube/object.ts";
import { RESOURCES } from "../kube/resources.ts";
import { storeKey } from "../kube/store.ts";
import type { ActorStatus } from "../status/actor_status.ts";
import { statusPatch, writingOf } from "./status_patch.ts";

interface Written {
  readonly uid: string | undefined;
  readonly status: ActorStatus;
  /** Of the API server's answer: what the cache has may be older. */
  readonly version: number;
  /** When, as `performance.now()`. */
  readonly at: number;
}

/** One a process. */
export class StatusWriter {
  readonly #client: KubeClient;
  readonly #written = new Map<string, Written>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** The status of an actor as it was written last, by whomever. */
  before(actor: KubeObject): ActorStatus | undefined {
    const known = this.#known(actor);
    if (known !== undefined && known.version >= versionOf(actor)) return known.status;
    const status = actor.status as Partial<ActorStatus> | undefined;
    return status?.status === undefined ? undefined : status as ActorStatus;
  }

  /**
   * Writes it if it says something new.
   * @returns after how many ms it will be worth writing
   * @throws KubeError
   */
  async write(
    actor: KubeObject,
    before: ActorStatus | undefined,
    now: ActorStatus,
  ): Promise<number | void> {
    const at = this.#known(actor)?.at ?? -Infinity;
    const writing = writingOf(before, now, performance.now() - at);
    if (writing === "no") return;
    if (writing !== "now") return writing.afterMs;
    try {
      const patch = statusPatch(before, now);
      const key = keyOf(actor);
      const answer = await this.#client.merge(RESOURCES.asyncActors, key, patch, "status");
      this.#written.set(storeKey(actor), {
        uid: actor.metadata.uid,
        status: now,
        version: versionOf(answer),
        at: performance.now(),
      });
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error; // deleted meanwhile
    }
  }

  /** The actor is gone. */
  forget(key: string): void {
    this.#written.delete(key);
  }

  #known(actor: KubeObject): Written | undefined {
    const known = this.#written.get(storeKey(actor));
    return known?.uid === actor.metadata.uid ? known : undefined;
  }
}
