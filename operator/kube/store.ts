/** The objects of one kind that the operator knows, as small as it reads them. */

import type { KubeObject } from "./object.ts";

/** How objects are kept and told of. */
export interface StoreRules {
  /** Takes out what nobody reads. Default: {@linkcode slim}. */
  readonly keep?: (object: KubeObject) => KubeObject;
  /** The part of a kept object whose change is worth telling. Default: all but the version. */
  readonly news?: (object: KubeObject) => unknown;
  /** Under which word objects are found together. */
  readonly index?: (object: KubeObject) => string | undefined;
  /** An object came, changed or went. */
  readonly changed: (object: KubeObject, gone: boolean) => void;
}

/** `namespace/name`. */
export function storeKey({ metadata: { namespace = "", name } }: KubeObject): string {
  return `${namespace}/${name}`;
}

/** An object without the book-keeping of the API server and of `kubectl apply`. */
export function slim(object: KubeObject): KubeObject {
  const { managedFields: _, selfLink: __, ...metadata } = object.metadata;
  const { [LAST_APPLIED]: ___, ...annotations } = metadata.annotations ?? {};
  return {
    ...object,
    metadata: metadata.annotations === undefined ? metadata : { ...metadata, annotations },
  };
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** A cache with one index; whatever changes it tells. */
export class Store {
  readonly #rules: StoreRules;
  readonly #objects = new Map<string, KubeObject>();
  readonly #index = new Map<string, Set<string>>();

  constructor(rules: StoreRules) {
    this.#rules = rules;
  }

  /** How many objects there are. */
  get size(): number {
    return this.#objects.size;
  }

  /** By `namespace/name`. */
  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  /** All of them. */
  values(): Iterable<KubeObject> {
    return this.#objects.values();
  }

  /** Those that the index has under a word. */
  by(word: string): KubeObject[] {
    return [...this.#index.get(word) ?? []].map((key) => this.#objects.get(key)!);
  }

  /** An object as the server has it now. */
  set(raw: KubeObject): void {
    const { keep = slim, index, changed } = this.#rules;
    const object = keep(raw);
    const key = storeKey(object);
    const before = this.#objects.get(key);
    if (before !== undefined) this.#unindex(key, before);
    this.#objects.set(key, object);
    const word = index?.(object);
    if (word !== undefined) {
      const keys = this.#index.get(word) ?? new Set();
      this.#index.set(word, keys.add(key));
    }
    if (before === undefined || !this.#same(before, object)) changed(object, false);
  }

  /** An object that is gone. */
  delete(raw: KubeObject): void {
    const key = storeKey(raw);
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#unindex(key, before);
    this.#objects.delete(key);
    this.#rules.changed(before, true);
  }

  /** Everything of a namespace (or of all) that is not among `present` is gone. */
  retain(present: ReadonlySet<string>, namespace: string | undefined): void {
    for (const [key, object] of this.#objects) {
      const inScope = namespace === undefined || object.metadata.namespace === namespace;
      if (inScope && !present.has(key)) this.delete(object);
    }
  }

  #unindex(key: string, object: KubeObject): void {
    const word = this.#rules.index?.(object);
    const keys = word === undefined ? undefined : this.#index.get(word);
    keys?.delete(key);
    if (keys?.size === 0) this.#index.delete(word!);
  }

  #same(before: KubeObject, now: KubeObject): boolean {
    const { news = withoutVersion } = this.#rules;
    return JSON.stringify(news(before)) === JSON.stringify(news(now));
  }
}

function withoutVersion({ metadata, ...rest }: KubeObject): unknown {
  const { resourceVersion: _, ...others } = metadata;
  return { ...rest, metadata: others };
}
