/**
 * Applies objects, and leaves it where that would change nothing. An object carries the hash of what
 * was applied; if that is the same, and what is there still covers it, nothing is sent.
 */

import { createHash } from "node:crypto";
import type { KubeClient } from "../kube/client.ts";
import { FIELD_MANAGER, keyOf } from "../kube/client.ts";
import { KubeError } from "../kube/errors.ts";
import { type KubeObject, versionOf } from "../kube/object.ts";
import { resourceOf } from "../kube/resources.ts";
import { slim } from "../kube/store.ts";
import { covers } from "./covers.ts";
import { checkOwner } from "./ownership.ts";

/** Annotation with the hash of what was applied. */
export const APPLIED = "asya.sh/applied";

/** Annotation of a workload whose number of replicas is, or was, the operator's to say: that number. */
const REPLICAS = "asya.sh/applied-replicas";

/** Owner of a number of replicas that the operator no longer says, until somebody scales. */
const KEEPER = `${FIELD_MANAGER}-start`;

/** So long after a write the cache may not have it yet, in ms. */
const LATE_MS = 10_000;

/** What is applied is remembered with what came of it, until either changes. */
interface Memory {
  readonly applied: string;
  readonly live: string;
  readonly version: number;
  /** As `performance.now()`. */
  readonly at: number;
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
    const id = idOf(wanted);
    const applied = hash(wanted);
    const followed = this.#known.follows(wanted);
    const known = followed ? this.#known.find(wanted) : await this.#get(wanted);
    const memory = this.#memory.get(id);
    if (followed && memory?.applied === applied && isLate(known, memory)) return;
    if (known !== undefined) {
      const live = hash(identityOf(known));
      if (memory?.applied === applied && memory.live === live) return;
      if (known.metadata.annotations?.[APPLIED] === applied && covers(known, wanted)) {
        this.#remember(id, applied, known);
        return;
      }
      if (owner !== undefined) checkOwner(known, owner);
      if (isScaledByOthers(wanted)) await this.#keepReplicas(known);
    }
    const isNew = followed && known === undefined && owner !== undefined;
    const result = isNew
      ? await this.#make(wanted, applied, owner)
      : await this.#client.apply(annotated(wanted, applied));
    this.#written(wanted.kind);
    this.#remember(id, applied, slim(result));
  }

  /**
   * An object that nobody knows of. It is applied without force: what has its name already and is
   * somebody else's has another spec, and refuses. A workload that others scale begins asleep: without
   * a number of replicas it would begin with one, though nothing waits for it.
   */
  async #make(wanted: KubeObject, applied: string, owner: KubeObject): Promise<KubeObject> {
    const first = annotated(isScaledByOthers(wanted) ? withReplicas(wanted, 0) : wanted, applied);
    try {
      if (wanted.spec !== undefined) return await this.#client.apply(first, { force: false });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    const there = await this.#get(wanted);
    if (there === undefined) return await this.#client.apply(first);
    checkOwner(there, owner);
    return await this.#client.apply(annotated(wanted, applied));
  }

  /**
   * A number of replicas that the operator has said and says no longer would become one. Another
   * manager keeps it; whoever has scaled meanwhile owns it, and refuses.
   */
  async #keepReplicas(known: KubeObject): Promise<void> {
    if (known.metadata.annotations?.[REPLICAS] === undefined) return;
    const { apiVersion, kind, metadata: { name, namespace } } = known;
    const metadata = { name, ...namespace === undefined ? {} : { namespace } };
    const kept = withReplicas({ apiVersion, kind, metadata }, replicasOf(known) ?? 0);
    try {
      await this.#client.apply(kept, { fieldManager: KEEPER, force: false });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  #remember(id: string, applied: string, object: KubeObject): void {
    const live = hash(identityOf(object));
    this.#memory.set(id, { applied, live, version: versionOf(object), at: performance.now() });
  }

  async #get(object: KubeObject): Promise<KubeObject | undefined> {
    const found = await this.#client.get(resourceOf(object), keyOf(object));
    return found === undefined ? undefined : slim(found);
  }

  /** Nothing of this object is worth remembering any more. */
  forget(object: KubeObject): void {
    this.#memory.delete(idOf(object));
  }
}

function idOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  return `${kind} ${namespace}/${name}`;
}

/** Whether the cache does not have what was written a moment ago. */
function isLate(known: KubeObject | undefined, { version, at }: Memory): boolean {
  if (performance.now() - at > LATE_MS) return false;
  return known === undefined || versionOf(known) < version;
}

function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409;
}

function isScaledByOthers(object: KubeObject): boolean {
  const { kind } = object;
  return (kind === "Deployment" || kind === "StatefulSet") && replicasOf(object) === undefined;
}

function replicasOf({ spec }: KubeObject): number | undefined {
  return (spec as { readonly replicas?: number } | undefined)?.replicas;
}

function withReplicas(object: KubeObject, replicas: number): KubeObject {
  return { ...object, spec: { ...object.spec as object | undefined, replicas } };
}

function annotated(object: KubeObject, applied: string): KubeObject {
  const replicas = replicasOf(object);
  const annotations = {
    ...object.metadata.annotations,
    [APPLIED]: applied,
    ...replicas === undefined ? {} : { [REPLICAS]: String(replicas) },
  };
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
