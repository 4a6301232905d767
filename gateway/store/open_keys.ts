/** Where a gateway keeps its API keys: beside its envelopes. */

import type { KeyStore } from "../auth/key_store.ts";
import type { GatewaySettings } from "../settings.ts";
import { openPostgresKeys } from "./postgres/keys.ts";
import { openSqliteKeys } from "./sqlite_keys.ts";

/**
 * Opens the keys in the store that the settings name; a gateway may be running on it.
 *
 * @throws StoreUnavailable where the file cannot be used; a database is connected to later
 */
export function openKeyStore(
  { databaseUrl, storePath }: Pick<GatewaySettings, "databaseUrl" | "storePath">,
): KeyStore {
  return databaseUrl === undefined ? openSqliteKeys(storePath) : openPostgresKeys(databaseUrl);
}
