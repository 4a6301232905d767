/** The gateway as a process: `deno run gateway/main.ts`, configured by its environment alone. */

import { readSettings, type Settings, SettingsError } from "@asya/config";
import { createLogger, type Logger } from "@asya/telemetry";
import { openTransport, TRANSPORT_SETTINGS } from "@asya/transport";
import { tokenFromFile } from "./auth.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { isLoopbackAddress } from "./http/loopback.ts";
import { GATEWAY_SETTINGS } from "./settings.ts";
import { openStore } from "./store/open.ts";
import { type WatchedTools, watchTools } from "./tools/watch.ts";

/** How long requests in flight may take after SIGTERM, in milliseconds. */
const GRACE_MS = 10_000;

const SETTINGS = { ...TRANSPORT_SETTINGS, ...GATEWAY_SETTINGS };

async function openTools(path: string | undefined, log: Logger): Promise<WatchedTools> {
  if (path !== undefined) return await watchTools(path, log);
  log.warn("ASYA_CONFIG_PATH is not set: there are no tools to call");
  const none = new Map();
  return { current: () => none, refresh: () => Promise.resolve(), close: () => {} };
}

function listen(hostname: string, port: number, gateway: Gateway, log: Logger): Deno.HttpServer {
  try {
    return Deno.serve({
      hostname,
      port,
      onListen: (at) => log.info("gateway listens", { hostname: at.hostname, port: at.port }),
    }, gateway.app.fetch);
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "the port is in use by another program"
      : String(cause);
    throw new SettingsError([
      `ASYA_GATEWAY_HOST, ASYA_GATEWAY_PORT: cannot listen on ${hostname}:${port}: ${why}`,
    ]);
  }
}

/** Runs until SIGTERM or SIGINT, then drains. */
async function run(settings: Settings<typeof SETTINGS>, log: Logger): Promise<void> {
  const { meshTokenFile, host: hostname, port } = settings;
  const meshToken = meshTokenFile === undefined ? undefined : tokenFromFile(meshTokenFile);
  const tools = await openTools(settings.toolsPath, log);
  const store = await openStore(settings, log);
  const transport = await openTransport(settings, log);
  const queue = transport.queue("gateway"); // only sends, so no queue of this name is needed
  const gateway = createGateway({
    store,
    publish: (out) => queue.send(out),
    tools: tools.current,
    log,
    ...meshToken ? { meshToken } : {},
    loopback: isLoopbackAddress(hostname),
  });
  const server = listen(hostname, port, gateway, log);
  gateway.start();

  const { promise: stop, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, resolve);
  await stop;
  log.info("gateway drains");
  const grace = Promise.withResolvers<void>();
  setTimeout(grace.resolve, GRACE_MS);
  const down = server.shutdown();
  await gateway.close();
  await Promise.race([down, grace.promise]);
  tools.close();
  await transport.close();
  await store.close();
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
