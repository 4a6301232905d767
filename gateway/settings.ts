/** Everything a gateway process reads from its environment, apart from the transport's table. */

import { readSettings, setting, type Settings } from "@asya/config";
import { LOG_LEVELS } from "@asya/telemetry";
import { ACCESS_SETTINGS } from "./auth/settings.ts";
import { parseDatabaseUrl } from "./store/postgres/address.ts";

function databaseUrl(text: string): string {
  parseDatabaseUrl(text);
  return text;
}

/** One row a variable. */
export const GATEWAY_SETTINGS = {
  port: setting.integer("ASYA_GATEWAY_PORT", {
    fallback: "8080",
    help: "port to listen on; 0 = any free one",
  }),
  host: setting.text("ASYA_GATEWAY_HOST", {
    fallback: "0.0.0.0",
    help:
      "address to listen on; a loopback address also refuses requests with a foreign Host or Origin",
  }),
  storePath: setting.text("ASYA_SQLITE_PATH", {
    fallback: "asya.sqlite",
    help: "file of the embedded store; one gateway process at a time",
  }),
  databaseUrl: setting.custom("postgres:// URL", databaseUrl)("ASYA_DATABASE_URL", {
    secret: true,
    help: "PostgreSQL instead of the embedded store, shared by several gateways",
  }),
  retentionMs: setting.duration("ASYA_GATEWAY_RETENTION", {
    fallback: "168h",
    help: "envelopes are deleted so long after their end; 0 = never",
  }),
  toolsPath: setting.text("ASYA_CONFIG_PATH", {
    help: "tools: YAML files and folders of them, with ':' between; without it there are no tools",
  }),
  meshTokenFile: setting.text("ASYA_MESH_TOKEN_FILE", {
    help: "file with the token that sidecars report with; two lines while tokens are exchanged; " +
      "needed where callers need keys",
  }),
  ...ACCESS_SETTINGS,
  metricsAddr: setting.address("ASYA_GATEWAY_METRICS_ADDR", {
    help: "address of /metrics, apart from what callers reach; absent: there is none",
  }),
  logLevel: setting.oneOf(LOG_LEVELS)("ASYA_LOG_LEVEL", {
    fallback: "info",
    help: "lowest severity that is logged",
  }),
};

/** The values of {@linkcode GATEWAY_SETTINGS}. */
export type GatewaySettings = Settings<typeof GATEWAY_SETTINGS>;

/**
 * Reads the table.
 *
 * @throws SettingsError naming every variable that is missing or wrong
 */
export function readGatewaySettings(
  env: Readonly<Record<string, string | undefined>>,
): GatewaySettings {
  return readSettings(GATEWAY_SETTINGS, env);
}
