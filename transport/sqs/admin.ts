/** SQS, for whoever owns the queues of many actors. */

import { SQS } from "@aws-sdk/client-sqs";
import type { Logger } from "@asya/telemetry";
import type { QueueAdmin, Removal } from "../admin.ts";
import { deadLetterQueueName, sqsQueueName } from "../names.ts";
import { type Depth, TransportUnavailable } from "../queue.ts";
import { Addresses } from "./addresses.ts";
import { isMissing, unavailable } from "./errors.ts";
import { CallFailed, Service } from "./service.ts";
import { SIGNPOST_TAG, signpostAt, signpostPolicy } from "./signpost.ts";

/** What the queues are to be, and where. */
export interface SqsAdminOptions {
  /** AWS region. */
  readonly region: string;
  /** URL of an SQS that is not Amazon's. */
  readonly endpoint?: string;
  /** Default: what the AWS SDK finds. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** See `ASYA_QUEUE_PREFIX`. */
  readonly prefix?: string;
  /** Seconds. */
  readonly visibilityTimeout: number;
  /** Dead letters have queues of their own; absent: they have none. */
  readonly deadLetters?: {
    /** Deliveries after which the service moves a message there itself. */
    readonly maxReceives: number;
    /** Seconds that one is kept. */
    readonly retention: number;
  };
  /** Put on every queue that is made. */
  readonly tags: Readonly<Record<string, string>>;
  /** Told when the service goes and comes. */
  readonly log: Logger;
}

const CONNECT_MS = 3_000;
/** The longest that the service keeps a message, in s. */
const RETENTION_S = 14 * 24 * 3600;
/** Queues that are looked at together: each is a request of its own. */
const AT_ONCE = 10;

const COUNTS = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
] as const;

/** Asks nothing yet. */
export function openSqsAdmin(options: SqsAdminOptions): QueueAdmin {
  return new SqsAdmin(options);
}

class SqsAdmin implements QueueAdmin {
  readonly #o: SqsAdminOptions;
  readonly #service: Service;
  readonly #addresses: Addresses;

  constructor(options: SqsAdminOptions) {
    const { region, endpoint, credentials, log } = options;
    this.#o = options;
    const sqs = new SQS({
      region,
      ...endpoint === undefined ? {} : { endpoint },
      ...credentials === undefined ? {} : { credentials },
      maxAttempts: 1, // what is tried again is decided by the service's caller
      requestHandler: { connectionTimeout: CONNECT_MS, throwOnRequestTimeout: true },
    });
    this.#service = new Service(sqs, log);
    this.#addresses = new Addresses(this.#service);
  }

  queueName(actor: string): string {
    return sqsQueueName(actor, this.#o.prefix);
  }

  async ensure(actor: string): Promise<void> {
    const { visibilityTimeout, deadLetters } = this.#o;
    const name = this.queueName(actor);
    const url = await this.#find(name);
    const signpost = url !== undefined && await signpostAt(this.#service, url) !== undefined;
    if (url !== undefined && !signpost) return;
    const redrive = deadLetters === undefined ? {} : {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: await this.#deadLetters(name, deadLetters.retention),
        maxReceiveCount: deadLetters.maxReceives,
      }),
    };
    const attributes = {
      MessageRetentionPeriod: String(RETENTION_S),
      VisibilityTimeout: String(visibilityTimeout),
      ...redrive,
    };
    if (url === undefined) return void await this.#create(name, attributes);
    await this.#change(name, async (sqs, options) => {
      await sqs.setQueueAttributes({
        QueueUrl: url,
        Attributes: { ...attributes, Policy: "" },
      }, options);
      await sqs.untagQueue({ QueueUrl: url, TagKeys: [SIGNPOST_TAG] }, options);
    });
  }

  async adopt(actor: string, queue: string): Promise<boolean> {
    const name = this.queueName(actor);
    if (await this.#find(queue) === undefined) return false;
    if (name === queue) return true;
    const found = await this.#find(name);
    if (found !== undefined && await signpostAt(this.#service, found) === undefined) {
      const cause = new Error(`queue ${name} carries no tag ${SIGNPOST_TAG}`);
      throw new TransportUnavailable(
        `what others send to actor "${actor}" would go to queue ${name}, which is there, and not ` +
          `to ${queue}: empty and delete ${name}, or leave out spec.queueName`,
        { cause },
      );
    }
    const Tags = { [SIGNPOST_TAG]: queue };
    const url = found ?? await this.#create(name, {}, Tags);
    const { QueueArn = "" } = await this.#addresses.attributes(name, url, ["QueueArn"]) ?? {};
    await this.#change(name, async (sqs, options) => {
      await sqs.tagQueue({ QueueUrl: url, Tags }, options);
      const Attributes = { Policy: signpostPolicy(QueueArn) };
      await sqs.setQueueAttributes({ QueueUrl: url, Attributes }, options);
    });
    return true;
  }

  async look(queues: readonly string[]): Promise<ReadonlyMap<string, Depth | undefined>> {
    const found = new Map<string, Depth | undefined>();
    const waiting = [...queues];
    const one = async () => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        found.set(name, await this.#count(name));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    return found;
  }

  async remove(actor: string): Promise<Removal> {
    const name = this.queueName(actor);
    // SQS knows no consumers, only what they hold at present
    if ((await this.#count(name))?.inFlight) return "in use";
    await this.#delete(name);
    await this.#delete(deadLetterQueueName(name));
    return "removed";
  }

  close(): Promise<void> {
    this.#service.close();
    return Promise.resolve();
  }

  async #count(name: string): Promise<Depth | undefined> {
    const url = await this.#addresses.url(name);
    if (url === undefined) return undefined;
    const counts = await this.#addresses.attributes(name, url, COUNTS);
    if (counts === undefined) return undefined;
    const [ready, inFlight, delayed] = COUNTS.map((count) => Number(counts[count] ?? 0));
    return { ready: ready!, inFlight: inFlight!, delayed: delayed! };
  }

  /** The queue's URL if it is really there: an address is remembered longer than its queue. */
  async #find(name: string): Promise<string | undefined> {
    return await this.#count(name) === undefined ? undefined : await this.#addresses.url(name);
  }

  async #deadLetters(queue: string, retention: number): Promise<string> {
    const name = deadLetterQueueName(queue);
    const url = await this.#find(name) ??
      await this.#create(name, { MessageRetentionPeriod: String(retention) });
    return (await this.#addresses.attributes(name, url, ["QueueArn"]))?.["QueueArn"] ?? "";
  }

  async #change(name: string, change: Parameters<Service["call"]>[0]): Promise<void> {
    try {
      await this.#service.call(change);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      throw unavailable(`change queue ${name}`, error.refusal);
    }
  }

  async #create(
    QueueName: string,
    Attributes: Record<string, string>,
    more: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const tags = { ...this.#o.tags, ...more };
    try {
      const { QueueUrl } = await this.#service.call((sqs, options) =>
        sqs.createQueue({ QueueName, Attributes, tags }, options)
      );
      this.#addresses.forget(QueueName);
      return QueueUrl!;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      // somebody else made it meanwhile, a little differently
      const { code } = error.refusal;
      const url = /QueueNameExists|QueueAlreadyExists/.test(code) &&
        await this.#addresses.url(QueueName);
      if (url) return url;
      throw unavailable(`create queue ${QueueName}`, error.refusal);
    }
  }

  async #delete(name: string): Promise<void> {
    const QueueUrl = await this.#addresses.url(name);
    this.#addresses.forget(name);
    if (QueueUrl === undefined) return;
    try {
      await this.#service.call((sqs, options) => sqs.deleteQueue({ QueueUrl }, options));
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (!isMissing(error.refusal)) throw unavailable(`delete queue ${name}`, error.refusal);
    }
  }
}
