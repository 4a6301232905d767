/** A gateway with everything that its settings name: tools, store, queue, who may do what. */

import type { Settings } from "@asya/config";
import type { Logger } from "@asya/telemetry";
import { openTransport, TRANSPORT_SETTINGS } from "@asya/transport";
import { openGuard } from "./auth/open.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { isLoopbackAddress } from "./http/loopback.ts";
import { GatewayMetrics } from "./metrics.ts";
import { GATEWAY_SETTINGS } from "./settings.ts";
import { openStore } from "./store/open.ts";
import { type WatchedTools, watchTools } from "./tools/watch.ts";

/** Everything that a gateway's process reads from its environment. */
export const SETTINGS = { ...TRANSPORT_SETTINGS, ...GATEWAY_SETTINGS };

/** A gateway without a port; start it once it has one. */
export interface OpenedGateway {
  readonly gateway: Gateway;
  /** Lets go of what was opened, once the gateway is closed. */
  close(): Promise<void>;
}

async function openTools(path: string | undefined, log: Logger): Promise<WatchedTools> {
  const paths = path?.split(":").filter((one) => one !== "") ?? [];
  if (paths.length > 0) return await watchTools(paths, log);
  log.warn("ASYA_CONFIG_PATH is not set: there are no tools to call");
  const none = new Map();
  return {
    current: () => none,
    problems: () => [],
    refresh: () => Promise.resolve(),
    close: () => {},
  };
}

/**
 * Opens what the settings name.
 *
 * @throws ToolsError, StoreUnavailable, StoreTooNew, SettingsError
 */
export async function openGateway(
  settings: Settings<typeof SETTINGS>,
  log: Logger,
): Promise<OpenedGateway> {
  const loopback = isLoopbackAddress(settings.host);
  const access = await openGuard(settings, { loopback, log });
  const tools = await openTools(settings.toolsPath, log);
  const store = await openStore(settings, log);
  const transport = await openTransport(settings, log);
  const queue = transport.queue("gateway"); // only sends, so no queue of this name is needed
  const gateway = createGateway({
    store,
    publish: (out) => queue.send(out),
    tools: tools.current,
    toolProblems: tools.problems,
    log,
    ...access,
    ...settings.metricsAddr ? { metrics: new GatewayMetrics() } : {},
    loopback,
  });
  return {
    gateway,
    async close() {
      tools.close();
      await transport.close();
      await store.close();
      await access.close();
    },
  };
}
