/** The administrations of all transports, by the names that actors use; opened when first needed. */

import type { Logger } from "@asya/telemetry";
import { openRabbitmqAdmin, openSqsAdmin, type QueueAdmin } from "@asya/transport";
import type { OperatorConfig, TransportConfig } from "../config.ts";
import { rabbitmqOptions, type ReadSecret, SecretMissing, sqsOptions } from "./options.ts";

interface Open {
  /** What it was opened with; another text means to open it anew. */
  readonly told: string;
  readonly admin: Promise<QueueAdmin>;
}

/** One a process. */
export class Admins {
  readonly #log: Logger;
  readonly #namespace: string;
  readonly #open = new Map<string, Open>();

  /** @param namespace the operator's own, where the Secrets are */
  constructor(namespace: string, log: Logger) {
    this.#namespace = namespace;
    this.#log = log;
  }

  /**
   * The administration of a transport as it is configured now.
   * @throws SecretMissing when its credentials are not there
   */
  async get(
    name: string,
    config: OperatorConfig,
    secrets: ReadonlyMap<string, string>,
  ): Promise<QueueAdmin> {
    const read: ReadSecret = (ref) => {
      const value = secrets.get(`${ref.name}/${ref.key}`);
      if (value === undefined) throw new SecretMissing(ref, this.#namespace);
      return value;
    };
    const transport = config.transports[name]!;
    const options = optionsOf(transport, config.queuePrefix, read);
    const told = JSON.stringify(options);
    const open = this.#open.get(name);
    if (open?.told === told) return await open.admin;
    const log = this.#log.with({ transport: name });
    const admin = options.type === "rabbitmq"
      ? openRabbitmqAdmin({ ...options, log })
      : openSqsAdmin({ ...options, log });
    this.#open.set(name, { told, admin });
    if (open !== undefined) await closeOne(open);
    return await admin;
  }

  /** Closes all. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(closeOne));
    this.#open.clear();
  }
}

function optionsOf(config: TransportConfig, prefix: string | undefined, read: ReadSecret) {
  return config.type === "rabbitmq"
    ? { type: config.type, ...rabbitmqOptions(config, prefix, read) }
    : { type: config.type, ...sqsOptions(config, prefix, read) };
}

async function closeOne({ admin }: Open): Promise<void> {
  await (await admin).close();
}
