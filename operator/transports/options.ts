/** From the operator's configuration and its secrets to what a broker's administration is told. */

import type { RabbitmqAdminOptions, SqsAdminOptions } from "@asya/transport";
import type { RabbitmqConfig, SqsConfig } from "../config.ts";

/** A key of a Secret in the operator's namespace. */
export interface SecretRef {
  readonly name: string;
  readonly key: string;
}

/** A Secret that the configuration names is not there, or lacks the key. */
export class SecretMissing extends Error {
  /** The class's name. */
  override readonly name = "SecretMissing";
  /** For programs. */
  readonly code = "secret_missing";
  constructor(ref: SecretRef, namespace: string) {
    super(
      `Secret ${namespace}/${ref.name} with key "${ref.key}" is missing: create it, ` +
        "or correct the transport in the operator's configuration",
    );
  }
}

/** The value of a key. @throws SecretMissing */
export type ReadSecret = (ref: SecretRef) => string;

const DAY_S = 24 * 3600;

/** For RabbitMQ. @throws SecretMissing */
export function rabbitmqOptions(
  config: RabbitmqConfig,
  prefix: string | undefined,
  read: ReadSecret,
): Omit<RabbitmqAdminOptions, "log"> {
  const { host: hostname, port, vhost, username, exchange, management, queues: { dlq } } = config;
  return {
    hostname,
    port,
    vhost,
    username,
    password: config.passwordSecretRef === undefined ? "guest" : read(config.passwordSecretRef),
    ...config.tls.enabled ? { tls: certificates(config, read) } : {},
    exchange,
    ...prefix === undefined ? {} : { prefix },
    ...management === undefined ? {} : { management: management.url },
    ...dlq.enabled ? { deadLetters: { ttlMs: dlq.retentionDays * DAY_S * 1000 } } : {},
  };
}

function certificates({ tls }: RabbitmqConfig, read: ReadSecret) {
  const { caSecretRef: ca, certSecretRef: cert, keySecretRef: key } = tls;
  return {
    ...ca === undefined ? {} : { ca: read(ca) },
    ...cert === undefined ? {} : { cert: read(cert) },
    ...key === undefined ? {} : { key: read(key) },
  };
}

/** The longest that SQS keeps a message. */
const SQS_LONGEST_DAYS = 14;

/** For SQS. @throws SecretMissing */
export function sqsOptions(
  config: SqsConfig,
  prefix: string | undefined,
  read: ReadSecret,
): Omit<SqsAdminOptions, "log"> {
  const { region, endpoint, credentials, visibilityTimeout, tags, queues: { dlq } } = config;
  return {
    region,
    ...endpoint === undefined ? {} : { endpoint },
    ...credentials === undefined ? {} : {
      credentials: {
        accessKeyId: read(credentials.accessKeyIdSecretRef),
        secretAccessKey: read(credentials.secretAccessKeySecretRef),
      },
    },
    ...prefix === undefined ? {} : { prefix },
    visibilityTimeout,
    ...dlq.enabled
      ? {
        deadLetters: {
          maxReceives: dlq.maxRetryCount,
          retention: Math.min(dlq.retentionDays, SQS_LONGEST_DAYS) * DAY_S,
        },
      }
      : {},
    tags,
  };
}
