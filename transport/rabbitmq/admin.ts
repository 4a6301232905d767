/** RabbitMQ, for whoever owns the queues of many actors. One connection, opened when it is needed. */

import type { Channel, ChannelModel } from "amqplib";
import type { Logger } from "@asya/telemetry";
import type { QueueAdmin, Removal } from "../admin.ts";
import { deadLetterQueueName, queueName, routingKey } from "../names.ts";
import { type Depth, TransportError, TransportUnavailable } from "../queue.ts";
import type { Address } from "./address.ts";
import { closeChannel, withChannel } from "./channel.ts";
import { bindExisting, declareQueue } from "./declare.ts";
import { Link } from "./link.ts";
import { managementDepths } from "./management.ts";
import { declareExchange, queueExists } from "./topology.ts";

/** What the queues are to be, and where. */
export interface RabbitmqAdminOptions {
  /** Name or address of the broker. */
  readonly hostname: string;
  /** Its port of AMQP. */
  readonly port: number;
  /** Virtual host. */
  readonly vhost: string;
  /** The user. */
  readonly username: string;
  /** The user's password. */
  readonly password: string;
  /** PEM texts; absent: no TLS. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Topic exchange that everything is sent through. */
  readonly exchange: string;
  /** See `ASYA_QUEUE_PREFIX`. */
  readonly prefix?: string;
  /** URL of the management API: with it messages in flight are counted, and all in one request. */
  readonly management?: string;
  /** Dead letters have queues of their own, kept so long, in ms; absent: they have none. */
  readonly deadLetters?: { readonly ttlMs: number };
  /** Told when the broker goes and comes. */
  readonly log: Logger;
}

const HEARTBEAT_SECONDS = 10;
/** How long a question waits for a connection. */
const PATIENCE_MS = 5_000;

/** Opens nothing yet: a broker that is away shows at the first question. */
export function openRabbitmqAdmin(options: RabbitmqAdminOptions): QueueAdmin {
  return new RabbitmqAdmin(options);
}

class RabbitmqAdmin implements QueueAdmin {
  readonly #o: RabbitmqAdminOptions;
  readonly #link: Link;
  #managementTrouble: string | undefined;

  constructor(options: RabbitmqAdminOptions) {
    this.#o = options;
    this.#link = new Link(addressOf(options), "asya: operator", options.log);
  }

  queueName(actor: string): string {
    return queueName(actor, this.#o.prefix);
  }

  async ensure(actor: string): Promise<void> {
    const { exchange, prefix, deadLetters, log } = this.#o;
    const queue = this.queueName(actor);
    await this.#on((model) =>
      declareQueue(model, {
        exchange,
        routingKey: routingKey(actor, prefix),
        queue,
        ...deadLetters === undefined
          ? {}
          : { deadLetters: { queue: deadLetterQueueName(queue), ...deadLetters } },
      }, log)
    );
  }

  async adopt(actor: string, queue: string): Promise<boolean> {
    const { exchange, prefix, log } = this.#o;
    return await this.#on(async (model) => {
      if (!await queueExists(model, queue)) return false;
      await declareExchange(model, exchange, log);
      await bindExisting(model, { exchange, routingKey: routingKey(actor, prefix), queue }, log);
      return true;
    });
  }

  async look(queues: readonly string[]): Promise<ReadonlyMap<string, Depth | undefined>> {
    if (queues.length === 0) return new Map();
    const { exchange } = this.#o;
    // without the exchange nothing leads to any queue, and bindings are gone with it
    if (!await this.#on((model) => exchangeExists(model, exchange))) return missing(queues);
    const known = await this.#managed();
    if (known !== undefined) return new Map(queues.map((name) => [name, known.get(name)]));
    return await this.#on((model) => countReady(model, queues));
  }

  async remove(actor: string): Promise<Removal> {
    const queue = this.queueName(actor);
    return await this.#on(async (model) => {
      if (await queueExists(model, queue)) {
        // a quorum queue does not know "delete if unused"
        const { consumerCount } = await withChannel(model, (channel) => channel.checkQueue(queue));
        if (consumerCount > 0) return "in use";
        await withChannel(model, (channel) => channel.deleteQueue(queue));
      }
      await withChannel(model, (channel) => channel.deleteQueue(deadLetterQueueName(queue)));
      return "removed";
    });
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  /** Counts by the management API; undefined: there is none, or it does not answer. */
  async #managed(): Promise<ReadonlyMap<string, Depth> | undefined> {
    const { management, vhost, username, password, tls, log } = this.#o;
    if (management === undefined) return undefined;
    try {
      const found = await managementDepths({ url: management, vhost, username, password, ...tls });
      this.#managementTrouble = undefined;
      return found;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== this.#managementTrouble) {
        log.warn("the management API does not answer; messages in flight are not counted", {
          url: management,
          error,
        });
      }
      this.#managementTrouble = why;
      return undefined;
    }
  }

  /** @throws TransportUnavailable */
  async #on<T>(errand: (model: ChannelModel) => Promise<T>): Promise<T> {
    try {
      return await errand(await this.#link.up(AbortSignal.timeout(PATIENCE_MS)));
    } catch (error) {
      if (error instanceof TransportError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new TransportUnavailable(`RabbitMQ refused: ${message}`, { cause: error });
    }
  }
}

function addressOf(options: RabbitmqAdminOptions): Address {
  const { hostname, port, vhost, username, password, tls } = options;
  const scheme = tls === undefined ? "amqp" : "amqps";
  return {
    hostname,
    port,
    vhost,
    username,
    password,
    heartbeat: HEARTBEAT_SECONDS,
    ...tls === undefined ? {} : { tls },
    shown: `${scheme}://${hostname}:${port}/${encodeURIComponent(vhost)}`,
  };
}

function missing(queues: readonly string[]): ReadonlyMap<string, undefined> {
  return new Map(queues.map((name) => [name, undefined]));
}

async function exchangeExists(model: ChannelModel, exchange: string): Promise<boolean> {
  try {
    await withChannel(model, (channel) => channel.checkExchange(exchange));
    return true;
  } catch (error) {
    if ((error as { code?: number }).code === 404) return false;
    throw error;
  }
}

/** One channel for all; a queue that is missing costs a new one. */
async function countReady(
  model: ChannelModel,
  queues: readonly string[],
): Promise<Map<string, Depth | undefined>> {
  const found = new Map<string, Depth | undefined>();
  let channel: Channel | undefined;
  try {
    for (const queue of queues) {
      channel ??= await openChannel(model);
      try {
        const { messageCount: ready } = await channel.checkQueue(queue);
        found.set(queue, { ready });
      } catch (error) {
        if ((error as { code?: number }).code !== 404) throw error;
        found.set(queue, undefined);
        channel = undefined; // the refusal closed it
      }
    }
    return found;
  } finally {
    if (channel !== undefined) await closeChannel(channel);
  }
}

async function openChannel(model: ChannelModel): Promise<Channel> {
  const channel = await model.createChannel();
  channel.on("error", () => undefined); // the call that caused it rejects with it
  return channel;
}
