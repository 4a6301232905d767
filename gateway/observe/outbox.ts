/** How much waits to be published, for the metrics. */

import type { Vitals } from "../metrics.ts";
import { type Store, StoreUnavailable } from "../store/store.ts";

/** Envelopes that are counted at most. */
const MAX_COUNTED = 10_000;

/** The gauges of the outbox; none where the store is away. */
export async function outboxVitals(
  store: Pick<Store, "outbox">,
  now: number,
): Promise<Pick<Vitals, "outbox" | "outboxAgeSeconds">> {
  try {
    const { count, oldest } = await store.outbox(MAX_COUNTED);
    const age = oldest === undefined ? 0 : Math.max(0, now - oldest) / 1_000;
    return { outbox: count, outboxAgeSeconds: age };
  } catch (error) {
    if (error instanceof StoreUnavailable) return {};
    throw error;
  }
}
