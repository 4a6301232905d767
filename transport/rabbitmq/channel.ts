/** Channels from their beginning to their end. */

import type { Channel, ChannelModel } from "amqplib";

/** A channel for a short errand. A refusal by the broker closes it and is thrown. */
export async function withChannel<T>(
  model: ChannelModel,
  errand: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await model.createChannel();
  let open = true;
  channel.on("error", () => undefined); // the call that caused it rejects with it
  channel.on("close", () => open = false);
  try {
    return await errand(channel);
  } finally {
    if (open) await closeChannel(channel);
  }
}

/**
 * Closes a channel that is not known to be closed. Resolves when the broker has read everything that
 * was sent over it, or the connection is gone: the library's own promise would wait for ever then.
 */
export async function closeChannel(channel: Channel): Promise<void> {
  const closed = new Promise<void>((resolve) => channel.once("close", resolve));
  const refused = channel.close().then(() => closed, () => undefined); // it is closed already
  await Promise.race([closed, refused]);
}
