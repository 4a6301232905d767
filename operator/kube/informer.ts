/** One kind of object, in the namespaces that are watched: a store, and what keeps it. */

import type { Logger } from "@asya/telemetry";
import type { KubeClient, Scope } from "./client.ts";
import type { KubeObject } from "./object.ts";
import { Reflector, type ReflectorTimes } from "./reflector.ts";
import { Store, type StoreRules } from "./store.ts";

/** What is followed. */
export interface InformerOptions extends StoreRules, Omit<Scope, "namespace"> {
  /** None: all. */
  readonly namespaces: readonly string[];
  readonly log: Logger;
  readonly times?: Partial<ReflectorTimes>;
}

/** A store that is kept. */
export class Informer {
  readonly #store: Store;
  readonly #reflectors: readonly Reflector[];
  #running: Promise<unknown> | undefined;
  readonly #end = new AbortController();

  constructor(client: KubeClient, options: InformerOptions) {
    const { namespaces, log, times, resource, labelSelector, fieldSelector, ...rules } = options;
    this.#store = new Store(rules);
    const scopes: readonly { readonly namespace?: string }[] = namespaces.length === 0
      ? [{}]
      : namespaces.map((namespace) => ({ namespace }));
    this.#reflectors = scopes.map((at) => {
      const scope: Scope = {
        resource,
        ...at,
        ...labelSelector === undefined ? {} : { labelSelector },
        ...fieldSelector === undefined ? {} : { fieldSelector },
      };
      return new Reflector(client, scope, this.#store, log, times);
    });
  }

  /** Begins. */
  start(): void {
    this.#running ??= Promise.all(this.#reflectors.map((one) => one.run(this.#end.signal)));
  }

  /** Resolves when everything that is there is known. */
  async synced(): Promise<void> {
    await Promise.all(this.#reflectors.map((one) => one.synced));
  }

  /** Why nothing new is known at present. */
  get trouble(): string | undefined {
    return this.#reflectors.find(({ trouble }) => trouble !== undefined)?.trouble;
  }

  /** See {@linkcode Store.size}. */
  get size(): number {
    return this.#store.size;
  }

  /** See {@linkcode Store.get}. */
  get(key: string): KubeObject | undefined {
    return this.#store.get(key);
  }

  /** See {@linkcode Store.by}. */
  by(word: string): KubeObject[] {
    return this.#store.by(word);
  }

  /** See {@linkcode Store.values}. */
  values(): Iterable<KubeObject> {
    return this.#store.values();
  }

  /** Ends. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }
}
