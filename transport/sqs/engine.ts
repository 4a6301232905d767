/** What the queues of one process share. */

import type { SQS } from "@aws-sdk/client-sqs";
import type { Logger } from "@asya/telemetry";
import { Addresses } from "./addresses.ts";
import { Letters } from "./letters.ts";
import { LARGEST_MESSAGE, Sender } from "./sender.ts";
import { Service } from "./service.ts";
import { signpostAt } from "./signpost.ts";

/** What the service allows; smaller in tests that cannot wait so long. */
export interface Limits {
  /** The longest delay that the service keeps by itself, in s. */
  readonly maxDelayS: number;
  /** How long the service lets anybody hold a message, in ms. */
  readonly maxHoldMs: number;
}

/** The limits of Amazon's service. */
export const SERVICE_LIMITS: Limits = { maxDelayS: 900, maxHoldMs: 12 * 3_600_000 };

/** What an {@linkcode Engine} needs to know. */
export interface EngineOptions {
  readonly log: Logger;
  /** The queue that an actor's messages wait in. */
  readonly queueName: (actor: string) => string;
  /** How long a message is kept from others without a sign of life, in s. */
  readonly visibilityS: number;
  /** How long one request waits for messages, in s. */
  readonly waitS: number;
  /** Default 1 MiB. */
  readonly maxMessageBytes?: number | undefined;
  readonly limits: Limits;
}

/** One client of the service. */
export class Engine {
  readonly options: EngineOptions;
  readonly log: Logger;
  readonly service: Service;
  readonly addresses: Addresses;
  readonly sender: Sender;
  /** What has to be closed first. */
  readonly receiving = new Set<{ close(): Promise<void> }>();
  readonly #letters = new Map<string, Letters>();

  /** Takes charge of `sqs` and destroys it in the end. */
  constructor(sqs: SQS, options: EngineOptions) {
    const { log, maxMessageBytes = LARGEST_MESSAGE, limits } = options;
    this.options = options;
    this.log = log;
    this.service = new Service(sqs, log);
    this.addresses = new Addresses(this.service, (url) => signpostAt(this.service, url));
    this.sender = new Sender({
      service: this.service,
      addresses: this.addresses,
      queueName: options.queueName,
      maxMessageBytes,
      maxDelayS: limits.maxDelayS,
      now: Date.now,
    });
  }

  /** The queue that an actor's messages wait in. */
  get queueName(): (actor: string) => string {
    return this.options.queueName;
  }

  /** An actor's dead letters; one object each, since looks hide letters from each other. */
  letters(actor: string): Letters {
    const known = this.#letters.get(actor) ?? new Letters(this, actor);
    this.#letters.set(actor, known);
    return known;
  }
}
