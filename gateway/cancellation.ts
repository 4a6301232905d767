/** Cancels an envelope with all that was split off it. */

import { cancelled } from "./envelopes/cancel.ts";
import type { Publisher } from "./publisher.ts";
import { PARENT_CANCELLED } from "./reports.ts";
import type { Outcome, Store } from "./store/store.ts";

/** Envelopes read at once. */
const PAGE = 200;
/** Descendants that are looked for; later ones are cancelled when their sidecar registers them. */
const MAX_DESCENDANTS = 100_000;

/** What cancelling needs. */
export interface CancelContext {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly now: () => number;
}

/**
 * Ends an envelope and its descendants as `cancelled`; those that are final stay as they are. Done
 * again, it cancels the descendants that were left. `undefined` where the id is unknown.
 *
 * @throws StoreUnavailable
 */
export async function cancelTree(
  { store, publisher, now }: CancelContext,
  id: string,
): Promise<Outcome | undefined> {
  const outcome = await store.change(id, (record) => cancelled(record, now()));
  if (outcome?.record.state !== "cancelled") return outcome;
  publisher.drop(id);
  const parents = [id];
  for (let next = 0; next < parents.length; next++) {
    for await (const child of children(store, parents[next]!)) {
      if (parents.length > MAX_DESCENDANTS) return outcome;
      parents.push(child);
      await store.change(child, (record) => cancelled(record, now(), PARENT_CANCELLED));
    }
  }
  return outcome;
}

async function* children(store: Store, parentId: string): AsyncGenerator<string> {
  let page = await store.list({ parentId, limit: PAGE });
  while (page.length > 0) {
    for (const { id } of page) yield id;
    page = await store.list({ parentId, behind: page.at(-1)!, limit: PAGE });
  }
}
