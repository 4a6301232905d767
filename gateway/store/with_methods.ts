/** A store of which some methods do more than the store's own. */

import type { Store } from "./store.ts";

/** The same store with these methods instead of its own. */
export function withMethods(store: Store, own: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(own, name) ?? Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
