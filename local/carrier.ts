/** What carries the envelopes of a folder: its own file, unless the environment names a broker. */

import { readSettings } from "@asya/config";
import type { Logger } from "@asya/telemetry";
import { openTransport, type Transport, TRANSPORT_SETTINGS } from "@asya/transport";

/**
 * The variables with which a sidecar reaches the queues: those of `env` where `ASYA_TRANSPORT` is
 * set in it, else the embedded queue in `database`.
 */
export function carrierEnv(
  env: Readonly<Record<string, string>>,
  database: string,
): Readonly<Record<string, string>> {
  const chosen: Record<string, string> = {};
  for (const { names } of Object.values(TRANSPORT_SETTINGS)) {
    for (const name of names) if (env[name]) chosen[name] = env[name];
  }
  const { ASYA_TRANSPORT: transport } = chosen;
  if (transport !== undefined && transport !== "sqlite") return chosen;
  return { ASYA_TRANSPORT: "sqlite", ASYA_SQLITE_PATH: database };
}

/** Opens it. @throws SettingsError, TransportUnavailable */
export async function openCarrier(
  carrier: Readonly<Record<string, string>>,
  log: Logger,
): Promise<Transport> {
  return await openTransport(readSettings(TRANSPORT_SETTINGS, carrier), log);
}
