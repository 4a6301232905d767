/** The gateway as a process: `deno run gateway/main.ts`, configured by its environment alone. */

import { readSettings, type Settings, SettingsError } from "@asya/config";
import { createLogger, type Logger } from "@asya/telemetry";
import { metricsHandler } from "./observe/server.ts";
import { openGateway, SETTINGS } from "./open.ts";

/** How long requests in flight may take after SIGTERM, in milliseconds. */
const GRACE_MS = 10_000;

/** An address to listen on, and the variables that set it. */
interface Place {
  readonly hostname: string;
  readonly port: number;
  readonly variables: string;
}

function listen(
  { hostname, port, variables }: Place,
  handler: Deno.ServeHandler,
  onListen: (at: Deno.NetAddr) => void,
): Deno.HttpServer {
  try {
    return Deno.serve({ hostname, port, onListen }, handler);
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "the port is in use by another program"
      : String(cause);
    throw new SettingsError([
      `${variables}: cannot listen on ${hostname}:${port}: ${why}`,
    ]);
  }
}

/** Runs until SIGTERM or SIGINT, then drains. */
async function run(settings: Settings<typeof SETTINGS>, log: Logger): Promise<void> {
  const { host: hostname, port, metricsAddr } = settings;
  const opened = await openGateway(settings, log);
  const { gateway } = opened;
  const variables = "ASYA_GATEWAY_HOST, ASYA_GATEWAY_PORT";
  const server = listen(
    { hostname, port, variables },
    gateway.app.fetch as Deno.ServeHandler, // it takes the address of the other end, too
    (at) => log.info("gateway listens", { hostname: at.hostname, port: at.port }),
  );
  const metrics = metricsAddr && listen(
    { ...metricsAddr, variables: "ASYA_GATEWAY_METRICS_ADDR" },
    metricsHandler(gateway.metricsText),
    (at) => log.info("metrics listen", { at: `${at.hostname}:${at.port}` }),
  );
  gateway.start();

  const { promise: stop, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, resolve);
  await stop;
  log.info("gateway drains");
  const grace = Promise.withResolvers<void>();
  setTimeout(grace.resolve, GRACE_MS);
  const down = Promise.all([server.shutdown(), metrics?.shutdown()]);
  await gateway.close();
  await Promise.race([down, grace.promise]);
  await opened.close();
  log.info("gateway stopped");
}

if (import.meta.main) {
  try {
    const settings = readSettings(SETTINGS, Deno.env.toObject());
    await run(settings, createLogger({ level: settings.logLevel, fields: { service: "gateway" } }));
    Deno.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
    Deno.exit(1);
  }
}
