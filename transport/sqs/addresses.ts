/** Queues by name: their URLs, looked up once, and their making. */

import type { QueueAttributeName } from "@aws-sdk/client-sqs";
import { deadLetterQueueName } from "../names.ts";
import { isMissing, unavailable } from "./errors.ts";
import { CallFailed, type Service } from "./service.ts";

/** The longest that the service keeps a message. */
const RETENTION_S = 14 * 24 * 3600;

/** After so many deliveries the service itself moves a message to the dead letters: killed processes count, too. */
const MAX_RECEIVES = 1000;

/** The queues that this process has met. */
export class Addresses {
  readonly #service: Service;
  readonly #urls = new Map<string, Promise<string | undefined>>();

  /** @param leadsTo the name of the queue that stands behind one, as far as that is to be followed */
  constructor(
    service: Service,
    private readonly leadsTo?: (url: string) => Promise<string | undefined>,
  ) {
    this.#service = service;
  }

  /** A queue's URL; undefined: there is none of that name, now. @throws TransportUnavailable */
  url(name: string): Promise<string | undefined> {
    const known = this.#urls.get(name);
    if (known !== undefined) return known;
    const asked = this.#resolve(name);
    this.#urls.set(name, asked);
    const forget = () => this.forget(name);
    asked.then((url) => url ?? forget(), forget);
    return asked;
  }

  /** Looks the queue up again the next time: it was not where it should be. */
  forget(name: string): void {
    this.#urls.delete(name);
  }

  /** Makes a queue and its dead letters, where they are missing. @throws TransportUnavailable */
  async create(name: string, visibilityS: number): Promise<void> {
    if (await this.url(name) !== undefined) return;
    const letters = deadLetterQueueName(name);
    const MessageRetentionPeriod = String(RETENTION_S);
    const url = await this.url(letters) ?? await this.#make(letters, { MessageRetentionPeriod });
    const deadLetterTargetArn = (await this.attributes(letters, url, ["QueueArn"]))?.["QueueArn"];
    await this.#make(name, {
      MessageRetentionPeriod,
      VisibilityTimeout: String(visibilityS),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: MAX_RECEIVES }),
    });
  }

  /** What the service says of a queue; undefined: it is gone. @throws TransportUnavailable */
  async attributes(
    name: string,
    url: string,
    names: readonly QueueAttributeName[],
  ): Promise<Record<string, string> | undefined> {
    try {
      const { Attributes = {} } = await this.#service.call((sqs, options) =>
        sqs.getQueueAttributes({ QueueUrl: url, AttributeNames: [...names] }, options)
      );
      return Attributes;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (!isMissing(error.refusal)) throw unavailable(`describe ${name}`, error.refusal);
      this.forget(name);
      return undefined;
    }
  }

  async #resolve(name: string): Promise<string | undefined> {
    const url = await this.#ask(name);
    const behind = url === undefined ? undefined : await this.leadsTo?.(url);
    return behind === undefined ? url : await this.#ask(behind);
  }

  async #ask(QueueName: string): Promise<string | undefined> {
    try {
      const { QueueUrl } = await this.#service.call((sqs, options) =>
        sqs.getQueueUrl({ QueueName }, options)
      );
      return QueueUrl;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (isMissing(error.refusal)) return undefined;
      throw unavailable(`find queue ${QueueName}`, error.refusal);
    }
  }

  async #make(QueueName: string, Attributes: Record<string, string>): Promise<string> {
    try {
      const { QueueUrl } = await this.#service.call((sqs, options) =>
        sqs.createQueue({ QueueName, Attributes }, options)
      );
      this.#urls.set(QueueName, Promise.resolve(QueueUrl));
      return QueueUrl!;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      // somebody else made it meanwhile, a little differently
      const { code } = error.refusal;
      const url = /QueueNameExists|QueueAlreadyExists/.test(code) && await this.url(QueueName);
      if (url) return url;
      throw unavailable(`create queue ${QueueName}`, error.refusal);
    }
  }
}
