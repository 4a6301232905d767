/** What is made at the broker, and what is there already. */

import type { ChannelModel } from "amqplib";
import type { Logger } from "@asya/telemetry";
import { withChannel } from "./channel.ts";

/**
 * Declares the topic exchange of the actors. Where another owner made it otherwise, or only others
 * may make it, it is used as it is.
 */
export async function declareExchange(
  model: ChannelModel,
  exchange: string,
  log: Logger,
): Promise<void> {
  try {
    await withChannel(
      model,
      (channel) => channel.assertExchange(exchange, "topic", { durable: true }),
    );
  } catch (error) {
    const { code } = error as { code?: number };
    if (code !== 403 && code !== 406) throw error;
    log.warn("the exchange cannot be declared; it is used as it is", { exchange, error });
  }
}

/** Whether there is a queue of this name. Rejects as the library does where it may not be looked at. */
export async function queueExists(model: ChannelModel, queue: string): Promise<boolean> {
  try {
    await withChannel(model, (channel) => channel.checkQueue(queue));
    return true;
  } catch (error) {
    if ((error as { code?: number }).code === 404) return false;
    throw error;
  }
}
