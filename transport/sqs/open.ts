/** Amazon's queues, or what speaks like them, as a transport. */

import { SQS, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { SettingsError } from "@asya/config";
import type { Logger } from "@asya/telemetry";
import { sqsQueueName, withOwnQueue } from "../names.ts";
import type { Transport } from "../queue.ts";
import type { TransportSettings } from "../settings.ts";
import { Engine, type Limits, SERVICE_LIMITS } from "./engine.ts";
import { SqsQueue } from "./queue.ts";

const CONNECT_MS = 3_000;
/** A request that waits holds a connection, and so does each batch. */
const CONNECTIONS = 128;

/**
 * Opens the transport; nothing is asked of the service yet. Credentials come from where the AWS
 * SDK finds them: the environment, a web identity (IRSA), the instance.
 *
 * Messages are delivered at least once, in no promised order; a delay is kept to the second.
 *
 * @throws SettingsError when no region is known, or a value is out of the service's range
 */
export function openSqsTransport(settings: TransportSettings, log: Logger): Promise<Transport> {
  return openWithin(SERVICE_LIMITS, settings, log);
}

/** The same with other limits than Amazon's. */
export async function openWithin(
  limits: Limits,
  settings: TransportSettings,
  log: Logger,
): Promise<Transport> {
  check(settings);
  const { awsRegion, sqsEndpoint, sqsVisibilityTimeout, sqsWaitTime } = settings;
  const config: SQSClientConfig = {
    ...awsRegion === undefined ? {} : { region: awsRegion },
    ...sqsEndpoint === undefined ? {} : { endpoint: sqsEndpoint },
    maxAttempts: 1, // what is tried again, and for how long, is decided here
    md5: false, // TLS and TCP have their own checksums, and a wrong one would lose a whole batch
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: CONNECTIONS },
      httpsAgent: { maxSockets: CONNECTIONS },
    },
  };
  const sqs = new SQS(config);
  try {
    await sqs.config.region();
  } catch (error) {
    sqs.destroy();
    const why = error instanceof Error ? error.message : String(error);
    throw new SettingsError([`no AWS region is known: set ASYA_AWS_REGION (${why})`]);
  }
  const engine = new Engine(sqs, {
    log,
    queueName: withOwnQueue((actor) => sqsQueueName(actor, settings.queuePrefix), settings),
    visibilityS: sqsVisibilityTimeout,
    waitS: sqsWaitTime,
    maxMessageBytes: settings.maxMessageBytes,
    limits,
  });
  return new SqsTransport(engine);
}

class SqsTransport implements Transport {
  readonly name = "sqs";
  readonly #engine: Engine;
  #closing: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  queue(actor: string): SqsQueue {
    return new SqsQueue(this.#engine, actor);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#engine.receiving].map((queue) => queue.close()));
    this.#engine.service.close();
  }
}

/** @throws SettingsError with all that is wrong */
function check({ sqsEndpoint, sqsVisibilityTimeout, sqsWaitTime }: TransportSettings): void {
  const problems: string[] = [];
  if (sqsEndpoint !== undefined && !/^https?:/.test(URL.parse(sqsEndpoint)?.protocol ?? "")) {
    problems.push("ASYA_SQS_ENDPOINT: expected an http or https URL");
  }
  if (sqsVisibilityTimeout < 1 || sqsVisibilityTimeout > 43_200) {
    problems.push("ASYA_SQS_VISIBILITY_TIMEOUT: expected 1 to 43200 seconds");
  }
  if (sqsWaitTime > 20) problems.push("ASYA_SQS_WAIT_TIME_SECONDS: expected at most 20 seconds");
  if (problems.length > 0) throw new SettingsError(problems);
}
