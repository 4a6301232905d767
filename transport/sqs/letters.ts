/** The dead letters of one actor: where they are, how they get there, how they are looked at. */

import type { Message } from "@aws-sdk/client-sqs";
import { deadLetterQueueName } from "../names.ts";
import { type DeadLetter, type DeadLetters, QueueMissing, TransportUnavailable } from "../queue.ts";
import { ATTRIBUTE, attributeOf, attributeText, decode } from "./body.ts";
import type { Engine } from "./engine.ts";
import { unavailable } from "./errors.ts";
import { Leases } from "./leases.ts";
import { CallFailed } from "./service.ts";

/** The most of a reason that is kept, in bytes. */
const REASON_BYTES = 1024;
/** How many letters are looked at, at most, and how many bytes of them. */
const SCAN_COUNT = 1_000;
const SCAN_BYTES = 64 * 1024 * 1024;
/** How long a letter is out of sight while it is looked at, in s. */
const LOOK_S = 30;
/** A look that finds nothing has to wait for all of the service's hosts, in s. */
const LOOK_WAIT_S = 1;

/** Where an actor's dead letters are. */
interface Place {
  readonly queue: string;
  /** The actor's own queue, as the service names where it moved a letter from. */
  readonly source: string | undefined;
  /** Whether other actors' letters may be there, too. */
  readonly shared: boolean;
}

/** A letter in hand. */
interface Found {
  readonly receipt: string;
  readonly letter: DeadLetter;
}

/** {@linkcode DeadLetters} in a queue of their own. */
export class Letters implements DeadLetters {
  readonly #engine: Engine;
  readonly #actor: string;
  /** Looks of this process, one after the other: they hide letters from each other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, actor: string) {
    this.#engine = engine;
    this.#actor = actor;
  }

  /** Puts a body there, durably. @throws TransportUnavailable */
  async bury(body: Uint8Array, reason: string): Promise<void> {
    const { queue } = await this.#place() ?? {};
    if (queue === undefined) throw new TransportUnavailable(new QueueMissing(this.#actor).message);
    const actor = { [ATTRIBUTE.actor]: this.#actor };
    const text = attributeText(reason, REASON_BYTES);
    // a body that leaves no room for its reason goes without
    const forms = [text === undefined ? actor : { ...actor, [ATTRIBUTE.reason]: text }, actor, {}];
    let why: Error | undefined;
    for (const attributes of forms) {
      const target = { actor: this.#actor, queue };
      const result = await this.#engine.sender.put(target, body, { attributes, unlimited: true });
      if (result.ok) return;
      if (result.error.retryable) throw result.error;
      why = result.error;
    }
    const what = why instanceof QueueMissing ? "create this queue" : why?.message;
    throw new TransportUnavailable(`no dead letter can be put into ${queue}: ${what}`, {
      cause: why,
    });
  }

  list(limit: number): Promise<DeadLetter[]> {
    return this.#look([], async (scan) => {
      const found = await scan(() => false);
      const letters = found.map(({ letter }) => letter);
      return letters.sort((a, b) => a.at.getTime() - b.at.getTime()).slice(0, Math.max(0, limit));
    });
  }

  replay(key: string): Promise<boolean> {
    return this.#remove(key, async ({ body }) => {
      const { sender, queueName } = this.#engine;
      const target = { actor: this.#actor, queue: queueName(this.#actor) };
      const result = await sender.put(target, body, { unlimited: true });
      if (!result.ok) throw result.error;
    });
  }

  discard(key: string): Promise<boolean> {
    return this.#remove(key, () => Promise.resolve());
  }

  /** Removes a letter once `first` is done with it. */
  #remove(key: string, first: (letter: DeadLetter) => Promise<void>): Promise<boolean> {
    return this.#look(false, async (scan, leases) => {
      const isIt = ({ letter }: Found) => letter.key === key;
      const wanted = (await scan(isIt)).find(isIt);
      if (wanted === undefined) return false;
      await first(wanted.letter);
      await leases.delete(wanted.receipt);
      return true;
    });
  }

  /**
   * Has `run` look through the letters; gives back what it has not removed. Answers `none` where
   * there is no place for letters. @throws QueueMissing, TransportUnavailable
   */
  #look<T>(
    none: T,
    run: (
      scan: (last: (found: Found) => boolean) => Promise<Found[]>,
      leases: Leases,
    ) => Promise<T>,
  ): Promise<T> {
    const result = this.#turn.then(async () => {
      const place = await this.#place();
      if (place === undefined) throw new QueueMissing(this.#actor);
      const { service, addresses, log } = this.#engine;
      const { queue } = place;
      const url = await addresses.url(queue);
      if (url === undefined) return none;
      const leases = new Leases({ service, queue, url, visibilityS: LOOK_S, maxHoldMs: 0, log });
      const hidden: string[] = [];
      try {
        return await run((last) => this.#scan(place, url, hidden, last), leases);
      } finally {
        await Promise.all(hidden.map((receipt) => leases.giveBack(receipt)));
        await leases.close();
      }
    });
    this.#turn = result.catch(() => undefined); // its caller has the error
    return result;
  }

  /** The letters that can be seen, up to one that is the last wanted; `hidden` gets all receipts. */
  async #scan(
    place: Place,
    url: string,
    hidden: string[],
    last: (found: Found) => boolean,
  ): Promise<Found[]> {
    const found: Found[] = [];
    const end = performance.now() + LOOK_S * 500; // the first ones come into sight again
    let bytes = 0;
    while (hidden.length < SCAN_COUNT && bytes < SCAN_BYTES && performance.now() < end) {
      const messages = await this.#receive(place.queue, url);
      for (const message of messages) {
        const one = { receipt: message.ReceiptHandle ?? "", letter: letterOf(message) };
        hidden.push(one.receipt);
        bytes += one.letter.body.length;
        if (this.#isOurs(message, place)) found.push(one);
      }
      if (messages.length === 0 || found.some(last)) break;
    }
    return found;
  }

  async #receive(queue: string, url: string): Promise<Message[]> {
    try {
      const { Messages = [] } = await this.#engine.service.call((sqs, options) =>
        sqs.receiveMessage({
          QueueUrl: url,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: LOOK_S,
          WaitTimeSeconds: LOOK_WAIT_S,
          MessageSystemAttributeNames: [
            "SentTimestamp",
            "ApproximateReceiveCount",
            "DeadLetterQueueSourceArn",
          ],
          MessageAttributeNames: Object.values(ATTRIBUTE),
        }, options)
      );
      return Messages;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      throw unavailable(`look into ${queue}`, error.refusal);
    }
  }

  #isOurs(message: Message, { shared, source }: Place): boolean {
    const actor = attributeOf(message, ATTRIBUTE.actor);
    if (actor !== undefined) return actor === this.#actor;
    const from = message.Attributes?.DeadLetterQueueSourceArn;
    return from === undefined ? !shared : from === source;
  }

  /** What the queue's redrive policy names, else the queue beside it; undefined: no such actor. */
  async #place(): Promise<Place | undefined> {
    const { addresses, queueName } = this.#engine;
    const name = queueName(this.#actor);
    const own = deadLetterQueueName(name);
    const url = await addresses.url(name);
    const known = url && await addresses.attributes(name, url, ["QueueArn", "RedrivePolicy"]);
    if (!known) return undefined;
    const queue = targetOf(known["RedrivePolicy"]) ?? own;
    return { queue, source: known["QueueArn"], shared: queue !== own };
  }
}

/** The name of the queue that a redrive policy moves messages to. */
function targetOf(policy: string | undefined): string | undefined {
  if (!policy) return undefined;
  const arn = (JSON.parse(policy) as { deadLetterTargetArn?: unknown }).deadLetterTargetArn;
  return typeof arn === "string" ? arn.slice(arn.lastIndexOf(":") + 1) : undefined;
}

function letterOf(message: Message): DeadLetter {
  return {
    key: message.MessageId ?? "",
    body: decode(message),
    reason: attributeOf(message, ATTRIBUTE.reason) ??
      "no reason is known; SQS moves what was received too often without being settled",
    at: new Date(Number(message.Attributes?.SentTimestamp ?? 0)),
  };
}
