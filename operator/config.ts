/**
 * What the operator is told by its file (`ASYA_OPERATOR_CONFIG`, YAML or JSON; the chart renders it
 * from its values): the transports by name, the images, and where the gateway is. It holds no
 * secret: credentials are named by Secret and key, and the Secrets live in the operator's namespace.
 */

import { z } from "zod";

/** A key of a Secret in the operator's namespace. */
export interface SecretRef {
  /** The Secret. */
  readonly name: string;
  /** One of its keys. */
  readonly key: string;
}

/** How an actor's queues are made. */
export interface QueuesConfig {
  /** Whether the operator makes the queues of actors, and makes them again where they vanish. */
  readonly autoCreate: boolean;
  /** Dead letters. */
  readonly dlq: {
    /** Whether they have a queue of their own. */
    readonly enabled: boolean;
    /** SQS: receives before the broker itself moves a message there. */
    readonly maxRetryCount: number;
    /** Days that a dead letter is kept; SQS allows 14 at most. */
    readonly retentionDays: number;
  };
}

/** A transport of type `rabbitmq`. */
export interface RabbitmqConfig {
  /** Always the same. */
  readonly type: "rabbitmq";
  /** Name or address of the broker. */
  readonly host: string;
  /** 5672 unless it says otherwise. */
  readonly port: number;
  /** `/` unless it says otherwise. */
  readonly vhost: string;
  /** TLS to the broker; `caSecretRef` where its authority is not a public one. */
  readonly tls: {
    readonly enabled: boolean;
    readonly caSecretRef?: SecretRef;
    /** Client certificate. */
    readonly certSecretRef?: SecretRef;
    /** Its key. */
    readonly keySecretRef?: SecretRef;
  };
  /** `guest` unless it says otherwise. */
  readonly username: string;
  /** `guest` without one. */
  readonly passwordSecretRef?: SecretRef;
  /** The topic exchange. */
  readonly exchange: string;
  /** The management API: with it KEDA counts messages in flight too, and status tells them. */
  readonly management?: { readonly url: string };
  /** How queues are made. */
  readonly queues: QueuesConfig;
}

/** A transport of type `sqs`. */
export interface SqsConfig {
  /** Always the same. */
  readonly type: "sqs";
  /** Of AWS. */
  readonly region: string;
  /** For queue URLs and policies; default: what the credentials say. */
  readonly accountId?: string;
  /** Of an SQS that is not Amazon's. */
  readonly endpoint?: string;
  /** IAM role of the actors' service accounts (IRSA). */
  readonly actorRoleArn?: string;
  /** Static credentials, where there is no IRSA. */
  readonly credentials?: {
    readonly accessKeyIdSecretRef: SecretRef;
    readonly secretAccessKeySecretRef: SecretRef;
  };
  /** Seconds. */
  readonly visibilityTimeout: number;
  /** Seconds, at most 20. */
  readonly waitTimeSeconds: number;
  /** How queues are made. */
  readonly queues: QueuesConfig;
  /** Put on every queue that the operator makes. */
  readonly tags: Readonly<Record<string, string>>;
}

/** One transport, by its `type`. */
export type TransportConfig = RabbitmqConfig | SqsConfig;

/** The operator's configuration, defaults filled in. */
export interface OperatorConfig {
  /** Namespaces that are watched; none: all. */
  readonly namespaces: readonly string[];
  /** By the name that `spec.transport` uses. */
  readonly transports: Readonly<Record<string, TransportConfig>>;
  /** `ASYA_QUEUE_PREFIX` of every sidecar. */
  readonly queuePrefix?: string;
  /** The container that every actor has. */
  readonly sidecar: {
    /** Of every actor that names no other. */
    readonly image: string;
    /** Kubernetes' own rule unless it says otherwise. */
    readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
    /** Kubernetes resources of the container. */
    readonly resources: Readonly<Record<string, unknown>>;
  };
  /** Where sidecars report to; without it they report nothing. */
  readonly gateway?: {
    readonly url: string;
    /** The token that they report with. */
    readonly meshTokenSecretRef?: SecretRef;
  };
  /** Image of `spec.handler.python` without an image. */
  readonly pythonImage: string;
  /** Names of pull secrets, in the actors' namespaces. */
  readonly imagePullSecrets: readonly string[];
  /** What is filled into security contexts that say nothing; Kubernetes' Pod Security levels. */
  readonly podSecurity: "baseline" | "restricted";
}

const opt = z.exactOptional;
const count = z.int().min(1);
const webUrl = z.url({ protocol: /^https?$/ });
const secretKey = z.strictObject({ name: z.string().min(1), key: z.string().min(1) });

const queues = z.strictObject({
  autoCreate: z.boolean().default(true),
  dlq: z.strictObject({
    enabled: z.boolean().default(true),
    maxRetryCount: count.default(30),
    retentionDays: count.default(14),
  }).prefault({}),
}).prefault({});

const rabbitmq = z.strictObject({
  type: z.literal("rabbitmq"),
  host: z.string().min(1),
  port: count.max(65_535).default(5672),
  vhost: z.string().default("/"),
  tls: z.strictObject({
    enabled: z.boolean().default(false),
    caSecretRef: opt(secretKey),
    certSecretRef: opt(secretKey),
    keySecretRef: opt(secretKey),
  }).prefault({}),
  username: z.string().default("guest"),
  passwordSecretRef: opt(secretKey),
  exchange: z.string().default("asya"),
  management: opt(z.strictObject({ url: webUrl })),
  queues,
});

const sqs = z.strictObject({
  type: z.literal("sqs"),
  region: z.string().min(1),
  accountId: opt(z.string().regex(/^[0-9]{12}$/)),
  endpoint: opt(z.url()),
  actorRoleArn: opt(z.string()),
  credentials: opt(z.strictObject({
    accessKeyIdSecretRef: secretKey,
    secretAccessKeySecretRef: secretKey,
  })),
  visibilityTimeout: count.default(60),
  waitTimeSeconds: z.int().min(0).max(20).default(20),
  queues,
  tags: z.record(z.string(), z.string()).default({}),
});

/** {@linkcode OperatorConfig} */
export const operatorConfigSchema = z.strictObject({
  namespaces: z.array(z.string()).default([]),
  transports: z.record(z.string(), z.discriminatedUnion("type", [rabbitmq, sqs])),
  queuePrefix: opt(z.string()),
  sidecar: z.strictObject({
    image: z.string().min(1),
    imagePullPolicy: opt(z.enum(["Always", "IfNotPresent", "Never"])),
    resources: z.looseObject({}).default({
      requests: { cpu: "50m", memory: "96Mi" },
      limits: { memory: "512Mi" },
    }),
  }),
  gateway: opt(z.strictObject({ url: webUrl, meshTokenSecretRef: opt(secretKey) })),
  pythonImage: z.string().default("python:3.13-slim"),
  imagePullSecrets: z.array(z.string()).default([]),
  podSecurity: z.enum(["baseline", "restricted"]).default("baseline"),
}) satisfies z.ZodType<OperatorConfig>;
