/**
 * Applies objects, and leaves it where that would change nothing. An object carries the hash of what
 * was applied; if that is the same, and what is there still covers it, nothing is sent.
 */

import { createHash } from "node:crypto";
import type { KubeClient } from "../kube/client.ts";
import { FIELD_MANAGER, keyOf } from "../kube/client.ts";
import type { KubeObject } from "../kube/object.ts";
import { resourceOf } from "../kube/resources.ts";
import { slim } from "../kube/store.ts";
import { covers } from "./covers.ts";
import { checkOwner } from "./ownership.ts";

/** Annotation with the hash of what was applied. */
export const APPLIED = "asya.sh/applied";

/** Owner of the replicas of a new workload, until KEDA scales it. */
const STARTER = `${FIELD_MANAGER}-start`;

/** What is applied is remembered with what came of it, until either changes. */
interface Memory {
  readonly applied: string;
  readonly live: string;
}

/** Objects that are followed, in a cache. */
export interface Known {
  /** Whether objects of this kind are in it at all. */
  follows(object: KubeObject): boolean;
  /** An object as it is. */
  find(object: KubeObject): KubeObject | undefined;
}

/** One a process. */
export class Applier {
  readonly #client: KubeClient;
  readonly #known: Known;
  readonly #written: (kind: string) => void;
  readonly #memory = new Map<string, Memory>();

  /** @param written told of every apply that was sent */
  constructor(client: KubeClient, known: Known, written: (kind: string) => void) {
    this.#client = client;
    this.#known = known;
    this.#written = written;
  }

  /**
   * Makes an object what it is to be.
   * @param owner the actor that it is for; one of somebody else is not touched
   * @throws KubeError, NameTaken
   */
  async apply(wanted: KubeObject, owner?: KubeObject): Promise<void> {
    const id = `${wanted.kind} ${wanted.metadata.namespace}/${wanted.metadata.name}`;
    const applied = hash(wanted);
    const followed = this.#known.follows(wanted);
    const known = followed ? this.#known.find(wanted) : await this.#get(wanted);
    if (known !== undefined) {
      const live = hash(identityOf(known));
      const memory = this.#memory.get(id);
      if (memory?.applied === applied && memory.live === live) return;
      if (known.metadata.annotations?.[APPLIED] === applied && covers(known, wanted)) {
        this.#memory.set(id, { applied, live });
        return;
      }
    }
    if (owner !== undefined) {
      const there = known ?? (followed ? await this.#get(wanted) : undefined);
      if (there !== undefined) checkOwner(there, owner);
      else if (isScaledByOthers(wanted)) await this.#createAsleep(wanted);
    }
    const result = await this.#client.apply(annotated(wanted, applied));
    this.#written(wanted.kind);
    this.#memory.set(id, { applied, live: hash(identityOf(slim(result))) });
  }

  /**
   * A workload without a number of replicas would begin with one, though nothing waits for it. The
   * number belongs to another manager, so that the apply that follows does not take it back.
   */
  async #createAsleep(wanted: KubeObject): Promise<void> {
    const { apiVersion, kind, metadata: { name, namespace } } = wanted;
    const replicas = 0;
    await this.#client.apply({ ...wanted, spec: { ...wanted.spec as object, replicas } });
    const at = { name, ...namespace === undefined ? {} : { namespace } };
    await this.#client.apply({ apiVersion, kind, metadata: at, spec: { replicas } }, STARTER);
  }

  async #get(object: KubeObject): Promise<KubeObject | undefined> {
    const found = await this.#client.get(resourceOf(object), keyOf(object));
    return found === undefined ? undefined : slim(found);
  }

  /** Nothing of this object is worth remembering any more. */
  forget({ kind, metadata: { namespace, name } }: KubeObject): void {
    this.#memory.delete(`${kind} ${namespace}/${name}`);
  }
}

function isScaledByOthers({ kind, spec }: KubeObject): boolean {
  return (kind === "Deployment" || kind === "StatefulSet") &&
    (spec as { readonly replicas?: number }).replicas === undefined;
}

function annotated(object: KubeObject, applied: string): KubeObject {
  const annotations = { ...object.metadata.annotations, [APPLIED]: applied };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** An object without what changes by itself. */
function identityOf({ status: _, metadata, ...rest }: KubeObject): unknown {
  const { resourceVersion: __, generation: ___, ...others } = metadata;
  return { ...rest, metadata: others };
}

function hash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}
