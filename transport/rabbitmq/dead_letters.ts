/** The dead letters of an actor: an ordinary queue that is only ever looked through. */

import { Buffer } from "node:buffer";
import type { Channel, ChannelModel, GetMessage } from "amqplib";
import { type DeadLetter, type DeadLetters, QueueMissing } from "../queue.ts";
import { withChannel } from "./channel.ts";
import { HELD_BYTES } from "../limits.ts";
import { queueExists } from "./topology.ts";

/** Names the dead letter. */
export const KEY_HEADER = "x-asya-dead-letter";
/** Why it is dead. */
export const REASON_HEADER = "x-asya-reason";
/** Since when, in ms since 1970. */
export const AT_HEADER = "x-asya-at";

/** What looking through dead letters needs. */
export interface DeadLetterOptions {
  readonly actor: string;
  /** The queues to look for, the first that exists is it. */
  readonly queues: readonly string[];
  /** A connection. @throws TransportUnavailable */
  readonly model: () => Promise<ChannelModel>;
  /** Puts the body on the actor's queue, durably. @throws TransportError */
  readonly send: (body: Uint8Array, messageId: string) => Promise<void>;
}

/** {@linkcode DeadLetters} in a queue. */
export class QueuedDeadLetters implements DeadLetters {
  constructor(private readonly o: DeadLetterOptions) {}

  async list(limit: number): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    await this.#browse(limit, async (message) => {
      letters.push(await read(message));
      return "keep";
    });
    return letters;
  }

  replay(key: string): Promise<boolean> {
    return this.#remove(
      key,
      (message) => this.o.send(message.content, message.properties.messageId ?? ""),
    );
  }

  discard(key: string): Promise<boolean> {
    return this.#remove(key, () => Promise.resolve());
  }

  async #remove(key: string, before: (message: GetMessage) => Promise<void>): Promise<boolean> {
    let found = false;
    await this.#browse(Infinity, async (message) => {
      if (await keyOf(message) !== key) return "keep";
      await before(message);
      found = true;
      return "remove";
    });
    return found;
  }

  /**
   * Shows messages, oldest first, until one is removed, `limit` were shown, or they hold too many
   * bytes to go on. Those that are kept go back when the channel closes.
   */
  async #browse(
    limit: number,
    look: (message: GetMessage) => Promise<"keep" | "remove">,
  ): Promise<void> {
    const model = await this.o.model();
    const queue = await this.#find(model);
    await withChannel(model, async (channel) => {
      let bytes = 0;
      for (let shown = 0; shown < limit && bytes < HELD_BYTES; shown++) {
        const message = await get(channel, queue);
        if (message === undefined) return;
        bytes += message.content.length;
        if (await look(message) === "keep") continue;
        channel.ack(message);
        await channel.checkQueue(queue); // its answer says that the broker has read the ack
        return;
      }
    });
  }

  async #find(model: ChannelModel): Promise<string> {
    for (const queue of this.o.queues) if (await queueExists(model, queue)) return queue;
    throw new QueueMissing(this.o.actor);
  }
}

async function get(channel: Channel, queue: string): Promise<GetMessage | undefined> {
  const message = await channel.get(queue);
  return message === false ? undefined : message;
}

/** Ours have a name; the broker's own dead letters are named by what they say. */
async function keyOf({ content, properties }: GetMessage): Promise<string> {
  const key: unknown = properties.headers?.[KEY_HEADER];
  if (typeof key === "string") return key;
  const text = new TextEncoder().encode(`${properties.messageId ?? ""}\0`);
  const hash = await crypto.subtle.digest("SHA-256", Buffer.concat([text, content]));
  return new Uint8Array(hash).toHex().slice(0, 32);
}

async function read(message: GetMessage): Promise<DeadLetter> {
  const headers = message.properties.headers ?? {};
  const [death] = headers["x-death"] ?? [];
  const reason: unknown = headers[REASON_HEADER];
  return {
    key: await keyOf(message),
    body: message.content,
    reason: typeof reason === "string" ? reason : `RabbitMQ: ${death?.reason ?? "unknown"}`,
    at: new Date(headers[AT_HEADER] ?? secondsOf(death?.time) * 1000),
  };
}

/** A timestamp of AMQP, as the library gives it: tagged, in seconds. */
function secondsOf(time: unknown): number {
  const value = typeof time === "object" && time !== null && "value" in time ? time.value : time;
  return typeof value === "number" ? value : 0;
}
