/** Which store a gateway keeps its envelopes in: PostgreSQL where there is one, else a file. */

import type { Logger } from "@asya/telemetry";
import type { GatewaySettings } from "../settings.ts";
import { openPostgresStore } from "./postgres.ts";
import { openSqliteStore } from "./sqlite.ts";
import type { Store } from "./store.ts";

/**
 * Opens the store that the settings name.
 *
 * @throws StoreUnavailable where the file cannot be used; StoreTooNew where the database belongs to
 * a newer program. A database that is away is waited for behind.
 */
export async function openStore(
  { databaseUrl, storePath, retentionMs }: Pick<
    GatewaySettings,
    "databaseUrl" | "storePath" | "retentionMs"
  >,
  log: Logger,
): Promise<Store> {
  if (databaseUrl === undefined) return openSqliteStore(storePath, { log, retentionMs });
  return await openPostgresStore(databaseUrl, { log, retentionMs });
}
