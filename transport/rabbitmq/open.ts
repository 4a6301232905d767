/** RabbitMQ as a transport: one connection to receive over, one to send over. */

import type { Logger } from "@asya/telemetry";
import { deadLetterQueueName, queueName, routingKey, withOwnQueue } from "../names.ts";
import type { Transport } from "../queue.ts";
import type { TransportSettings } from "../settings.ts";
import { readAddress } from "./address.ts";
import type { Consumer } from "./consumer.ts";
import { LARGEST_MESSAGE } from "./limits.ts";
import { Link } from "./link.ts";
import { Publisher } from "./publisher.ts";
import { RabbitmqQueue } from "./queue.ts";

/** The broker's own, so that nothing has to be said about it. */
const CONSUMER_TIMEOUT_MS = 30 * 60_000;

/** What the queues of a process share. */
export interface Broker {
  /**
   * Receives, settles, and asks. Its own connection, because an alarm of memory or disk stops
   * everything on a connection that sends, and acknowledging is what ends the alarm.
   */
  readonly consuming: Link;
  readonly publisher: Publisher;
  readonly exchange: string;
  readonly autoCreate: boolean;
  /** More arguments for queues that are created. */
  readonly queueArguments: Readonly<Record<string, number>>;
  readonly names: {
    queue(actor: string): string;
    key(actor: string): string;
    deadLetters(actor: string): string;
  };
  /** Everything that receives, to be closed with the transport. */
  readonly consumers: Set<Consumer>;
  readonly log: Logger;
}

/**
 * Begins to connect and does not wait for it: a broker that is away is waited for, and
 * `Queue.trouble` says so.
 *
 * @throws SettingsError when the address is not usable
 */
export function openRabbitmqTransport(settings: TransportSettings, log: Logger): Transport {
  const address = readAddress(settings);
  const { rabbitmqExchange: exchange, rabbitmqConsumerTimeout, queuePrefix: prefix } = settings;
  const sending = new Link(address, "asya: sending", log);
  const consuming = new Link(address, "asya: receiving", log);
  const publisher = new Publisher({
    link: sending,
    exchange,
    maxMessageBytes: Math.min(settings.maxMessageBytes ?? LARGEST_MESSAGE, LARGEST_MESSAGE),
    log,
  });
  const queueOf = withOwnQueue((actor) => queueName(actor, prefix), settings);
  const broker: Broker = {
    consuming,
    publisher,
    exchange,
    autoCreate: settings.queueAutoCreate && settings.queueName === undefined,
    queueArguments: rabbitmqConsumerTimeout === CONSUMER_TIMEOUT_MS
      ? {}
      : { "x-consumer-timeout": rabbitmqConsumerTimeout },
    names: {
      queue: queueOf,
      key: (actor) => routingKey(actor, prefix),
      deadLetters: (actor) => deadLetterQueueName(queueOf(actor)),
    },
    consumers: new Set(),
    log,
  };
  sending.start();
  return {
    name: "rabbitmq",
    queue: (actor) => new RabbitmqQueue(broker, actor),
    async close() {
      await Promise.all([...broker.consumers].map((consumer) => consumer.close()));
      publisher.close();
      await Promise.all([sending.close(), consuming.close()]);
    },
  };
}
