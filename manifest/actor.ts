/** The AsyncActor (`asya.sh/v1alpha1`): an actor as its author declares it, and its schema. */

import { z } from "zod";
import { handlerSchema, type HandlerSpec } from "./handler.ts";
import { type EnvVar, envVarSchema, type PodTemplate, podTemplateSchema } from "./pod.ts";
import { actorName, durationText } from "./text.ts";

/** The one version of the API. */
export const API_VERSION = "asya.sh/v1alpha1";

/** Name, namespace, labels, annotations; anything else of Kubernetes' passes through. */
export interface Metadata {
  /** The actor's name, in routes, queues and Kubernetes. */
  readonly name: string;
  /** Default: that of the caller. */
  readonly namespace?: string;
  /** Passed on to what is made for the actor. */
  readonly labels?: Readonly<Record<string, string>>;
  /** `asya.sh/local-path` says where the code is on a laptop. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whatever else Kubernetes has. */
  readonly [other: string]: unknown;
}

/** How one kind of failure is tried again. Durations in Go syntax. */
export interface PolicySpec {
  /** Counts the first call. */
  readonly maxAttempts?: number;
  /** How delays grow. */
  readonly backoff?: "constant" | "linear" | "exponential";
  /** Before the second attempt. */
  readonly initialDelay?: string;
  /** The longest delay. */
  readonly maxInterval?: string;
  /** From the first attempt on; no attempt begins later. */
  readonly maxDuration?: string;
  /** Spreads delays at random. */
  readonly jitter?: boolean;
  /** Actors that replace the rest of the route when the attempts are used up. */
  readonly onExhausted?: readonly string[];
}

/** Retry policies by name, and the rules that choose among them. */
export interface ResiliencySpec {
  /** `default` holds where no rule matches. */
  readonly policies?: Readonly<Record<string, PolicySpec>>;
  /** The first rule that matches wins. */
  readonly rules?: readonly { readonly errors: readonly string[]; readonly policy: string }[];
}

/** Autoscaling by the queue's length; durations in seconds. */
export interface ScalingSpec {
  /** Whether KEDA scales the actor. */
  readonly enabled: boolean;
  /** 0 lets it sleep. */
  readonly minReplicas: number;
  /** The most. */
  readonly maxReplicas: number;
  /** Between two looks at the queue. */
  readonly pollingInterval: number;
  /** Idle time before it sleeps. */
  readonly cooldownPeriod: number;
  /** Messages that one replica is meant to have waiting. */
  readonly queueLength: number;
  /** More KEDA triggers, passed on as they are. */
  readonly triggers: readonly Readonly<Record<string, unknown>>[];
  /** KEDA's own settings. */
  readonly advanced?: {
    readonly formula?: string;
    readonly target?: string;
    readonly activationTarget?: string;
    readonly metricType?: "AverageValue" | "Value" | "Utilization";
    readonly restoreToOriginalReplicaCount?: boolean;
    readonly behavior?: Readonly<Record<string, unknown>>;
  };
}

/** What runs the handler's process. */
export interface WorkloadSpec {
  /** The Kubernetes object that holds the pods. */
  readonly kind: "Deployment" | "StatefulSet";
  /** Used while scaling is off. */
  readonly replicas: number;
  /** In the image. */
  readonly pythonExecutable: string;
  /** Every pod; `spec.handler` is its short form. */
  readonly template?: PodTemplate;
}

/** The desired state of one actor, defaults filled in. */
export interface AsyncActorSpec {
  /** A transport that the operator knows; local mode maps any name to its own. */
  readonly transport: string;
  /** An existing queue, never created or deleted. */
  readonly queueName?: string;
  /** The container that Asya adds. */
  readonly sidecar: {
    readonly image?: string;
    readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
    readonly resources?: Readonly<Record<string, unknown>>;
    readonly env: readonly EnvVar[];
  };
  /** Seconds. */
  readonly timeout: { readonly processing: number; readonly gracefulShutdown: number };
  /** Calls at once, if the runtime takes as many. */
  readonly concurrency: number;
  /** Calls that the runtime collects; `wait` in Go syntax. */
  readonly batch: { readonly size: number; readonly wait: string };
  /** Without it the handler's errors are not retried. */
  readonly resiliency?: ResiliencySpec;
  /** Replicas by the queue's length. */
  readonly scaling: ScalingSpec;
  /** The pods. */
  readonly workload: WorkloadSpec;
  /** Instead of `workload.template`. */
  readonly handler?: HandlerSpec;
}

/** One actor. */
export interface AsyncActor {
  /** The API's group and version. */
  readonly apiVersion: typeof API_VERSION;
  /** Always the same. */
  readonly kind: "AsyncActor";
  /** What it is called. */
  readonly metadata: Metadata;
  /** What it is to be. */
  readonly spec: AsyncActorSpec;
}

const opt = z.exactOptional;
const whole = z.int().min(0);
const positive = z.int().min(1);

const policySchema: z.ZodType<PolicySpec> = z.strictObject({
  maxAttempts: opt(positive),
  backoff: opt(z.enum(["constant", "linear", "exponential"])),
  initialDelay: opt(durationText),
  maxInterval: opt(durationText),
  maxDuration: opt(durationText),
  jitter: opt(z.boolean()),
  onExhausted: opt(z.array(actorName)),
});

const scalingSchema = z.strictObject({
  enabled: z.boolean().default(false),
  minReplicas: whole.default(0),
  maxReplicas: positive.default(50),
  pollingInterval: positive.default(10),
  cooldownPeriod: whole.default(60),
  queueLength: positive.default(5),
  triggers: z.array(z.looseObject({})).default([]),
  advanced: opt(z.strictObject({
    formula: opt(z.string()),
    target: opt(z.string()),
    activationTarget: opt(z.string()),
    metricType: opt(z.enum(["AverageValue", "Value", "Utilization"])),
    restoreToOriginalReplicaCount: opt(z.boolean()),
    behavior: opt(z.looseObject({})),
  })),
});

const kind = z.enum(["Deployment", "StatefulSet"]);

const workloadSchema = z.strictObject({
  kind: opt(kind),
  type: opt(kind),
  replicas: whole.default(1),
  pythonExecutable: z.string().default("python3"),
  template: opt(podTemplateSchema),
}).transform(({ type, ...rest }) => ({ ...rest, kind: rest.kind ?? type ?? "Deployment" }));

const specSchema: z.ZodType<AsyncActorSpec> = z.strictObject({
  transport: z.string(),
  queueName: opt(z.string()),
  sidecar: z.strictObject({
    image: opt(z.string()),
    imagePullPolicy: opt(z.enum(["Always", "IfNotPresent", "Never"])),
    resources: opt(z.looseObject({})),
    env: z.array(envVarSchema).default([]),
  }).prefault({}),
  timeout: z.strictObject({
    processing: positive.default(300),
    gracefulShutdown: whole.default(30),
  }).prefault({}),
  concurrency: positive.default(1),
  batch: z.strictObject({ size: positive.default(1), wait: durationText.default("10ms") }).prefault(
    {},
  ),
  resiliency: opt(z.strictObject({
    policies: opt(z.record(z.string(), policySchema)),
    rules: opt(z.array(z.strictObject({ errors: z.array(z.string()), policy: z.string() }))),
  })),
  scaling: scalingSchema.prefault({}),
  workload: workloadSchema.prefault({}),
  handler: opt(handlerSchema),
});

/** {@linkcode AsyncActor}. Rules across fields are in `rules.ts`: they hold however much else is wrong. */
export const asyncActorSchema: z.ZodType<AsyncActor> = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("AsyncActor"),
  metadata: z.looseObject({
    name: actorName,
    namespace: opt(z.string()),
    labels: opt(z.record(z.string(), z.string())),
    annotations: opt(z.record(z.string(), z.string())),
  }),
  spec: specSchema,
  // Written by the operator; present when somebody saved a live object.
  status: opt(z.unknown()),
});
