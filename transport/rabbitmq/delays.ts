/**
 * Delays without a plugin: a message waits in a queue whose messages all expire after the same
 * time, and is then dead-lettered to where it was going. A queue expires messages at its head only,
 * so each length of delay has a queue of its own; the lengths are few and fixed.
 */

import type { ChannelModel } from "amqplib";
import { withChannel } from "./channel.ts";
import { LONGEST_DELAY_MS } from "./limits.ts";

/** Late by 100 ms at most up to half a second, by 250 ms up to 2.5 s, and then by a tenth. */
const LEVELS: readonly number[] = (() => {
  const levels = [100, 200, 300, 400, 500, 750];
  for (let ms = 1_000; ms <= 2_500; ms += 250) levels.push(ms);
  for (let ms = 2_500; ms < LONGEST_DELAY_MS;) {
    ms = Math.min(Math.floor(ms * 1.1 / 10) * 10, LONGEST_DELAY_MS);
    levels.push(ms);
  }
  return levels;
})();

/** How many delay queues there can be at an exchange. */
export const DELAY_LEVELS = LEVELS.length;

/** The shortest level that is not shorter than the delay; longer delays have to be parked again. */
export function delayLevel(ms: number): number {
  return LEVELS.find((level) => level >= ms) ?? LONGEST_DELAY_MS;
}

/** The exchange of a level, and its one queue: `<exchange>.delay.<ms>`. */
export function delayName(exchange: string, level: number): string {
  return `${exchange}.delay.${level}`;
}

/** Declares levels when they are first needed, once a connection. */
export class DelayQueues {
  #known = new WeakMap<ChannelModel, Map<number, Promise<void>>>();

  /** @param exchange where a message goes when its time has come, its routing key unchanged */
  constructor(private readonly exchange: string) {}

  /** Makes sure that a level is there. Rejects as the library does. */
  ensure(model: ChannelModel, level: number): Promise<void> {
    let levels = this.#known.get(model);
    if (levels === undefined) this.#known.set(model, levels = new Map());
    let declared = levels.get(level);
    if (declared === undefined) {
      declared = this.#declare(model, level);
      levels.set(level, declared);
      declared.catch(() => levels.delete(level));
    }
    return declared;
  }

  /** Somebody removed a level: look again next time. */
  forget(model: ChannelModel): void {
    this.#known.delete(model);
  }

  async #declare(model: ChannelModel, level: number): Promise<void> {
    const name = delayName(this.exchange, level);
    await withChannel(model, async (channel) => {
      await channel.assertExchange(name, "fanout", { durable: true });
      await channel.assertQueue(name, {
        durable: true,
        arguments: {
          "x-queue-type": "quorum",
          "x-message-ttl": level,
          "x-dead-letter-exchange": this.exchange,
          // Otherwise a message that expires while its target is away would be dropped.
          "x-dead-letter-strategy": "at-least-once",
          "x-overflow": "reject-publish",
        },
      });
      await channel.bindQueue(name, name, "");
    });
  }
}
