/** How a sidecar reaches its queue: variables, and files from the copied Secret. */

import type { AsyncActor, EnvVarSource } from "@asya/manifest";
import { queueName, sqsQueueName } from "@asya/transport";
import type { OperatorConfig, RabbitmqConfig, SqsConfig, TransportConfig } from "../config.ts";
import { transportSecretName } from "./names.ts";
import type { Part } from "./part.ts";

const FOLDER = "/var/run/secrets/asya/transport";

/** `spec.transport` is no transport of the operator's settings; `specProblems` says so in time. */
export class UnknownTransport extends Error {
  /** The class, for logs. */
  override readonly name = "UnknownTransport";
  /** Stable. */
  readonly code = "unknown_transport";
}

/**
 * The settings of an actor's transport.
 * @throws UnknownTransport
 */
export function transportOf(actor: AsyncActor, config: OperatorConfig): TransportConfig {
  const { transport } = actor.spec;
  const found = Object.hasOwn(config.transports, transport)
    ? config.transports[transport]
    : undefined;
  if (found === undefined) {
    const known = Object.keys(config.transports).join(", ") || "none";
    throw new UnknownTransport(
      `the operator knows no transport ${transport}: write one of ${known} as spec.transport`,
    );
  }
  return found;
}

/** The queue of an actor at its broker. */
export function actorQueue(actor: AsyncActor, config: OperatorConfig): string {
  const { metadata: { name }, spec } = actor;
  if (spec.queueName !== undefined) return spec.queueName;
  const sqs = transportOf(actor, config).type === "sqs";
  return (sqs ? sqsQueueName : queueName)(name, config.queuePrefix);
}

function rabbitmqPart(transport: RabbitmqConfig, secret: string): Part {
  const { host, port, vhost, username, passwordSecretRef, exchange, tls } = transport;
  const key = (key: string): EnvVarSource => ({ secretKeyRef: { name: secret, key } });
  const files = [
    tls.caSecretRef && ["ASYA_RABBITMQ_TLS_CA", "ca.crt"],
    tls.certSecretRef && ["ASYA_RABBITMQ_TLS_CERT", "tls.crt"],
    tls.keySecretRef && ["ASYA_RABBITMQ_TLS_KEY", "tls.key"],
  ].filter((file) => tls.enabled && file !== undefined) as [string, string][];
  // Without a file of its own a sidecar learns of TLS by the URL alone.
  const address = tls.enabled && files.length === 0 ? { ASYA_RABBITMQ_URL: key("url") } : {
    ASYA_RABBITMQ_HOST: host,
    ASYA_RABBITMQ_PORT: `${port}`,
    ASYA_RABBITMQ_VHOST: vhost,
    ASYA_RABBITMQ_USERNAME: username,
    ...passwordSecretRef && { ASYA_RABBITMQ_PASSWORD: key("password") },
  };
  const env = {
    ASYA_TRANSPORT: "rabbitmq",
    ...address,
    ASYA_RABBITMQ_EXCHANGE: exchange,
    ...Object.fromEntries(files.map(([variable, file]) => [variable, `${FOLDER}/${file}`])),
  };
  if (files.length === 0) return { env };
  const items = files.map(([, file]) => ({ key: file, path: file }));
  return {
    env,
    mounts: [{ name: "asya-transport", mountPath: FOLDER, readOnly: true }],
    volumes: [{ name: "asya-transport", secret: { secretName: secret, items } }],
  };
}

function sqsPart(transport: SqsConfig, secret: string): Part {
  const { region, endpoint, credentials, visibilityTimeout, waitTimeSeconds } = transport;
  const key = (key: string): EnvVarSource => ({ secretKeyRef: { name: secret, key } });
  return {
    env: {
      ASYA_TRANSPORT: "sqs",
      ASYA_AWS_REGION: region,
      ...endpoint !== undefined && { ASYA_SQS_ENDPOINT: endpoint },
      ASYA_SQS_VISIBILITY_TIMEOUT: `${visibilityTimeout}`,
      ASYA_SQS_WAIT_TIME_SECONDS: `${waitTimeSeconds}`,
      ...credentials && {
        AWS_ACCESS_KEY_ID: key("accessKeyId"),
        AWS_SECRET_ACCESS_KEY: key("secretAccessKey"),
      },
    },
  };
}

/** What a sidecar needs to work on the actor's queue and to send to others. */
export function transportPart(actor: AsyncActor, config: OperatorConfig): Part {
  const transport = transportOf(actor, config);
  const secret = transportSecretName(actor.spec.transport);
  const part = transport.type === "sqs"
    ? sqsPart(transport, secret)
    : rabbitmqPart(transport, secret);
  const { queueName } = actor.spec;
  return {
    ...part,
    env: {
      ...part.env,
      ...config.queuePrefix !== undefined && { ASYA_QUEUE_PREFIX: config.queuePrefix },
      ...queueName !== undefined && { ASYA_QUEUE_NAME: queueName },
      // Queues are the operator's; a sidecar that made one would make it without its settings.
      ASYA_QUEUE_AUTO_CREATE: "false",
    },
  };
}
