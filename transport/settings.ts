/** Everything that a service reads from its environment to reach its queues. */

import { setting, type Settings } from "@asya/config";

/** The transports that can be opened, by their wire names; `open.ts` says how. */
export const TRANSPORTS = ["sqlite", "rabbitmq", "sqs"] as const;

/** One of {@linkcode TRANSPORTS}. */
export type TransportName = typeof TRANSPORTS[number];

const PREFIX = /^[A-Za-z0-9](?:[-_A-Za-z0-9]{0,30}[A-Za-z0-9])?$/;

const prefix = setting.custom("queue prefix", (text) => {
  if (PREFIX.test(text)) return text;
  throw new Error("expected at most 32 letters, digits, - and _, no - or _ at either end");
});

const port = setting.custom("port", (text) => {
  const number = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > 65_535) throw new Error("expected a port, 1 to 65535");
  return number;
});

const seconds = setting.custom("seconds", (text) => {
  if (!/^[0-9]{1,5}$/.test(text)) throw new Error("expected a whole number of seconds");
  return Number(text);
});

/** Rows of RabbitMQ. */
const RABBITMQ_SETTINGS = {
  rabbitmqUrl: setting.text("ASYA_RABBITMQ_URL", {
    secret: true,
    help: "amqp:// or amqps:// URL with everything in it; or the parts below",
  }),
  rabbitmqHost: setting.text("ASYA_RABBITMQ_HOST", { help: "name or address of the broker" }),
  rabbitmqPort: port("ASYA_RABBITMQ_PORT", {
    help: "its port; default 5672, with TLS 5671",
  }),
  rabbitmqUsername: setting.text("ASYA_RABBITMQ_USERNAME", { fallback: "guest", help: "the user" }),
  rabbitmqPassword: setting.text("ASYA_RABBITMQ_PASSWORD", {
    secret: true,
    help: "the user's password, any characters; default guest",
  }),
  rabbitmqVhost: setting.text("ASYA_RABBITMQ_VHOST", { fallback: "/", help: "virtual host" }),
  rabbitmqTlsCa: setting.text("ASYA_RABBITMQ_TLS_CA", {
    help: "file with the authorities that the broker's certificate may come from; turns TLS on",
  }),
  rabbitmqTlsCert: setting.text("ASYA_RABBITMQ_TLS_CERT", {
    help: "file with the client's certificate; turns TLS on",
  }),
  rabbitmqTlsKey: setting.text("ASYA_RABBITMQ_TLS_KEY", {
    help: "file with the key of the client's certificate",
  }),
  rabbitmqExchange: setting.text("ASYA_RABBITMQ_EXCHANGE", {
    fallback: "asya",
    help: "durable topic exchange that everything is sent through",
  }),
  rabbitmqConsumerTimeout: setting.duration("ASYA_RABBITMQ_CONSUMER_TIMEOUT", {
    fallback: "30m",
    help: "how long the broker lets a message be handled before it takes it back (its " +
      "consumer_timeout, or the queue's own); ASYA_RUNTIME_TIMEOUT may take five sixths of it",
  }),
};

/** Rows of SQS. */
const SQS_SETTINGS = {
  sqsEndpoint: setting.text("ASYA_SQS_ENDPOINT", {
    help: "URL of an SQS that is not Amazon's; default: the region's",
  }),
  awsRegion: setting.text("ASYA_AWS_REGION", {
    aliases: ["ASYA_SQS_REGION"],
    help: "AWS region; default: what the AWS SDK finds",
  }),
  sqsVisibilityTimeout: seconds("ASYA_SQS_VISIBILITY_TIMEOUT", {
    fallback: "60",
    help: "seconds after which a message comes back whose sidecar gave no sign of life",
  }),
  sqsWaitTime: seconds("ASYA_SQS_WAIT_TIME_SECONDS", {
    fallback: "20",
    help: "seconds that one request waits for a message, at most 20",
  }),
};

/** Rows for every service that sends or receives. */
export const TRANSPORT_SETTINGS = {
  transport: setting.oneOf(TRANSPORTS)("ASYA_TRANSPORT", {
    required: true,
    help: "the broker that carries the envelopes",
  }),
  ...RABBITMQ_SETTINGS,
  ...SQS_SETTINGS,
  sqlitePath: setting.text("ASYA_SQLITE_PATH", {
    help: "file of the embedded queue, needed for sqlite; its folder must exist",
  }),
  queuePrefix: prefix("ASYA_QUEUE_PREFIX", {
    help: "keeps systems apart that share a broker: queues are named asya-PREFIX.ACTOR",
  }),
  queueName: setting.text("ASYA_QUEUE_NAME", {
    help: "an existing queue that the actor receives from instead of its own; never created",
  }),
  queueAutoCreate: setting.boolean("ASYA_QUEUE_AUTO_CREATE", {
    fallback: "false",
    help: "create the actor's own queue at the start where it is missing",
  }),
  maxMessageBytes: setting.bytes("ASYA_MAX_MESSAGE_BYTES", {
    help:
      "larger messages are refused; default by transport: sqlite 256MiB, rabbitmq 128MiB, sqs 1MiB",
  }),
};

/** The values of {@linkcode TRANSPORT_SETTINGS}. */
export type TransportSettings = Settings<typeof TRANSPORT_SETTINGS> & {
  /** Whose queue `queueName` is; the service's own actor. */
  readonly actor?: string;
};
