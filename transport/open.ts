/** Which transports there are, and how each is opened from settings. A new one is one line here. */

import { SettingsError } from "@asya/config";
import type { Logger } from "@asya/telemetry";
import type { Transport } from "./queue.ts";
import type { TransportName, TransportSettings } from "./settings.ts";

type Opener = (settings: TransportSettings, log: Logger) => Promise<Transport>;

/** Each loads its client only when it is chosen. */
const OPENERS: Readonly<Record<TransportName, Opener>> = {
  sqlite: async (settings, log) => {
    const { openSqliteTransport } = await import("./sqlite/open.ts");
    const { sqlitePath: path, queuePrefix: prefix, ...rest } = settings;
    if (path === undefined) throw new SettingsError(["ASYA_SQLITE_PATH is not set: name a file"]);
    const { actor, queueName, maxMessageBytes } = rest;
    const own = actor === undefined ? {} : { actor, queueName };
    return openSqliteTransport({ path, prefix, maxMessageBytes, log, ...own });
  },
  rabbitmq: async (settings, log) => {
    const { openRabbitmqTransport } = await import("./rabbitmq/open.ts");
    return await openRabbitmqTransport(settings, log);
  },
  sqs: async (settings, log) => {
    const { openSqsTransport } = await import("./sqs/open.ts");
    return await openSqsTransport(settings, log);
  },
};

/**
 * Opens the transport that the settings name.
 *
 * @throws SettingsError when the name is unknown, or a variable is missing that it needs
 * @throws TransportUnavailable when it cannot be reached
 */
export async function openTransport(settings: TransportSettings, log: Logger): Promise<Transport> {
  const { transport } = settings;
  if (!Object.hasOwn(OPENERS, transport)) {
    const known = Object.keys(OPENERS).join(", ");
    throw new SettingsError([`unknown transport "${transport}"; known are: ${known}`]);
  }
  return await OPENERS[transport](settings, log);
}
