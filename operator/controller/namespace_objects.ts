/** What every namespace with actors has once: the runtime's script, and copies of credentials. */

import type { OperatorConfig } from "../config.ts";
import { keyOf, type KubeClient } from "../kube/client.ts";
import type { KubeObject } from "../kube/object.ts";
import { resourceOf } from "../kube/resources.ts";
import type { Facts } from "../specs/facts.ts";
import { namespaceObjects } from "../specs/namespace_objects.ts";
import type { Applier } from "./applier.ts";

/** What they are made from. */
export interface NamespaceObjectsOptions {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly config: () => OperatorConfig;
  readonly facts: () => Facts;
}

/** Applied once for all actors of a namespace, until something changes. */
export class NamespaceObjects {
  readonly #o: NamespaceObjectsOptions;
  readonly #done = new Map<string, Promise<void>>();

  constructor(options: NamespaceObjectsOptions) {
    this.#o = options;
  }

  /** Makes them, or waits for whoever does so now. @throws KubeError */
  ensure(namespace: string): Promise<void> {
    const known = this.#done.get(namespace);
    if (known !== undefined) return known;
    const made = this.#apply(namespace);
    this.#done.set(namespace, made);
    made.catch(() => this.#done.delete(namespace));
    return made;
  }

  /** They may not be any more what they are to be. */
  outdated(namespace?: string): void {
    if (namespace === undefined) this.#done.clear();
    else this.#done.delete(namespace);
  }

  /** The last actor has gone: so do they. @throws KubeError */
  async remove(namespace: string): Promise<void> {
    const { client, config, facts } = this.#o;
    this.#done.delete(namespace);
    for (const object of namespaceObjects(namespace, config(), facts())) {
      const there = await client.get(resourceOf(object), keyOf(object));
      if (isOurs(there)) await client.delete(resourceOf(object), keyOf(object), there.metadata.uid);
    }
  }

  async #apply(namespace: string): Promise<void> {
    const { applier, config, facts } = this.#o;
    for (const object of namespaceObjects(namespace, config(), facts())) {
      await applier.apply(object);
    }
  }
}

function isOurs(object: KubeObject | undefined): object is KubeObject {
  return object?.metadata.labels?.["app.kubernetes.io/managed-by"] === "asya-operator";
}
