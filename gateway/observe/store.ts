/** A store that is measured: how long it takes, and which states its envelopes come into. */

import type { State } from "../envelopes/record.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Store } from "../store/store.ts";
import { withMethods } from "../store/with_methods.ts";

/** What the measuring needs of {@linkcode GatewayMetrics}. */
export type StoreMetrics = Pick<GatewayMetrics, "stored" | "entered">;

/** The same store, told about. */
export function measuredStore(store: Store, metrics: StoreMetrics): Store {
  const measure = async <T>(operation: string, work: Promise<T>): Promise<T> => {
    const began = performance.now();
    let failed = true;
    try {
      const value = await work;
      failed = false;
      return value;
    } finally {
      metrics.stored(operation, (performance.now() - began) / 1_000, failed);
    }
  };
  return withMethods(store, {
    head: (id) => measure("head", store.head(id)),
    get: (id) => measure("get", store.get(id)),
    updates: (id, after, limit) => measure("updates", store.updates(id, after, limit)),
    list: (query) => measure("list", store.list(query)),
    claimUnpublished: (o) => measure("claimUnpublished", store.claimUnpublished(o)),
    overdue: (now, limit) => measure("overdue", store.overdue(now, limit)),
    async create(change, payload) {
      const created = await measure("create", store.create(change, payload));
      if (created) metrics.entered(change.record.state);
      return created;
    },
    async createOnce(change, payload, once) {
      const holder = await measure("createOnce", store.createOnce(change, payload, once));
      if (holder.id === change.record.id) metrics.entered(change.record.state);
      return holder;
    },
    async change(id, decide) {
      let before: State | undefined;
      const changed = store.change(id, (record) => {
        before = record.state;
        return decide(record);
      });
      const outcome = await measure("change", changed);
      const after = outcome?.record.state;
      if (outcome?.changed && after !== undefined && after !== before) metrics.entered(after);
      return outcome;
    },
  });
}
