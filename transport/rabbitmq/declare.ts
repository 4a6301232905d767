/** An actor's queue at the broker, with its dead letters and the way to it. */

import type { ChannelModel } from "amqplib";
import type { Logger } from "@asya/telemetry";
import { withChannel } from "./channel.ts";
import { BROWSE_LIMIT, DELIVERY_LIMIT } from "./limits.ts";
import { declareExchange, queueExists } from "./topology.ts";

/** What an actor's queue is to be. */
export interface QueuePlan {
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string;
  /** Where messages go that were delivered too often; without it they may be delivered for ever. */
  readonly deadLetters?: {
    readonly queue: string;
    /** How long they are kept, in ms; default: for ever. */
    readonly ttlMs?: number;
  };
  /** More arguments of the queue. */
  readonly arguments?: Readonly<Record<string, number>>;
}

/**
 * Makes what is missing. A queue that is there is used as it is; where it is there, being refused
 * the binding is no failure: whoever made it has bound it. Rejects as the library does.
 */
export async function declareQueue(
  model: ChannelModel,
  plan: QueuePlan,
  log: Logger,
): Promise<void> {
  const { exchange, queue, deadLetters } = plan;
  await declareExchange(model, exchange, log);
  if (deadLetters !== undefined && !await queueExists(model, deadLetters.queue)) {
    await declare(model, deadLetters.queue, {
      "x-delivery-limit": BROWSE_LIMIT,
      ...deadLetters.ttlMs === undefined ? {} : { "x-message-ttl": deadLetters.ttlMs },
    });
  }
  const found = await queueExists(model, queue);
  if (!found) {
    await declare(model, queue, { ...deadLettering(deadLetters?.queue), ...plan.arguments });
  }
  if (found) await bindExisting(model, plan, log);
  else await bind(model, plan);
}

type Way = Pick<QueuePlan, "exchange" | "routingKey" | "queue">;

function bind(model: ChannelModel, { exchange, routingKey, queue }: Way): Promise<unknown> {
  return withChannel(model, (channel) => channel.bindQueue(queue, exchange, routingKey));
}

/** Binds a queue that is there; where that is refused, whoever made it has bound it. */
export async function bindExisting(model: ChannelModel, way: Way, log: Logger): Promise<void> {
  const { exchange, queue } = way;
  try {
    await bind(model, way);
  } catch (error) {
    if ((error as { code?: number }).code !== 403) throw error;
    log.warn("the queue may not be bound by this user; it is used as it is", { queue, exchange });
  }
}

async function declare(
  model: ChannelModel,
  queue: string,
  more: Readonly<Record<string, unknown>>,
): Promise<void> {
  const options = { durable: true, arguments: { "x-queue-type": "quorum", ...more } };
  await withChannel(model, (channel) => channel.assertQueue(queue, options));
}

function deadLettering(queue: string | undefined): Readonly<Record<string, unknown>> {
  if (queue === undefined) return {};
  return {
    "x-delivery-limit": DELIVERY_LIMIT,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": queue,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
  };
}
