/**
 * The gateway for `deno serve --parallel gateway/serve.ts`: a gateway in each thread, all on one
 * port that `deno serve` is told. They are replicas like any others: what calls, streams and reports
 * need is in PostgreSQL. A thread's own are its connections, its copy of the tools, the limits on
 * requests that wait, and whatever is counted.
 */

import { readSettings, SettingsError } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { openGateway, SETTINGS } from "./open.ts";

const settings = readSettings(SETTINGS, Deno.env.toObject());
if (settings.databaseUrl === undefined) {
  throw new SettingsError([
    "ASYA_DATABASE_URL: threads share their store, and only PostgreSQL can be shared",
  ]);
}
const log = createLogger({ level: settings.logLevel, fields: { service: "gateway" } });
const { gateway } = await openGateway(settings, log);
gateway.start();

export default { fetch: gateway.app.fetch };
