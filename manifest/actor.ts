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
  /** Given by the API server. */
  readonly uid?: string;
  /** Counts changes of the spec; given by the API server. */
  readonly generation?: number;
  /** Passed on to what is made for the actor. */
  readonly labels?: Readonly<Record<string, string>>;
  /** `asya.sh/local-path` says where the code is on a laptop; what the operator reads is in its rooms. */
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
  maxAttempts: opt(positive).describe(
    "Most calls of the handler for one envelope, the first one included.",
  ),
  backoff: opt(z.enum(["constant", "linear", "exponential"])).describe(
    "How the delay grows from attempt to attempt.",
  ),
  initialDelay: opt(durationText).describe("Delay before the second attempt, such as 1s."),
  maxInterval: opt(durationText).describe("The longest delay, such as 30s."),
  maxDuration: opt(durationText).describe(
    "Counted from the first attempt; no attempt begins later.",
  ),
  jitter: opt(z.boolean()).describe(
    "Spreads delays at random, so that failures of a moment do not come back together.",
  ),
  onExhausted: opt(z.array(actorName)).describe(
    "Actors that replace the rest of the route when the attempts are used up; without it the envelope goes to error-end.",
  ),
});

const resiliencySchema: z.ZodType<ResiliencySpec> = z.strictObject({
  policies: opt(z.record(z.string(), policySchema)).describe(
    "Retry policies by name. `default` holds for errors that no rule matches.",
  ),
  rules: opt(z.array(z.strictObject({
    errors: z.array(z.string()).describe(
      "Types of errors, such as ValueError or my.module.Error, or codes such as timeout_error. Subtypes match too.",
    ),
    policy: z.string().describe("One of the names in policies."),
  }))).describe("Which errors follow which policy. The first rule that matches wins."),
});

const scalingSchema = z.strictObject({
  enabled: z.boolean().default(false).describe(
    "Whether KEDA scales the actor on its queue; otherwise workload.replicas pods run.",
  ),
  minReplicas: whole.default(0).describe(
    "Pods that always run; 0 lets the actor sleep while its queue is empty.",
  ),
  maxReplicas: positive.default(50).describe("Most pods."),
  pollingInterval: positive.default(10).describe("Seconds between two looks at the queue."),
  cooldownPeriod: whole.default(60).describe(
    "Seconds that the queue has to be empty before the last pod goes.",
  ),
  queueLength: positive.default(5).describe(
    "Messages, waiting or in work, that one pod is meant to have.",
  ),
  triggers: z.array(z.looseObject({})).default([]).describe(
    "More KEDA triggers, such as cron or prometheus, passed on as they are. The queue's own is called `queue`.",
  ),
  advanced: opt(z.strictObject({
    formula: opt(z.string()).describe(
      "KEDA's scalingModifiers.formula over the names of triggers, such as `max(queue, load)`.",
    ),
    target: opt(z.string()).describe("What one pod is meant to have of the formula's value."),
    activationTarget: opt(z.string()).describe(
      "The formula's value above which the actor wakes up.",
    ),
    metricType: opt(z.enum(["AverageValue", "Value", "Utilization"])).describe(
      "How the formula's value is compared with the target.",
    ),
    restoreToOriginalReplicaCount: opt(z.boolean()).describe(
      "Whether deleting the ScaledObject brings the pods back that ran before it.",
    ),
    behavior: opt(z.looseObject({})).describe(
      "The HorizontalPodAutoscaler's behavior, instead of Asya's: up at once, down by one pod a minute.",
    ),
  })).describe("KEDA's own settings."),
});

const kind = z.enum(["Deployment", "StatefulSet"]);

const workloadSchema = z.strictObject({
  kind: opt(kind).describe("Deployment (the default) or StatefulSet."),
  type: opt(kind).describe("Older name of kind."),
  replicas: whole.default(1).describe("Pods while scaling is off."),
  pythonExecutable: z.string().default("python3").describe(
    "The Python in the image of asya-runtime that runs the handler.",
  ),
  template: opt(podTemplateSchema).describe(
    "The pods: exactly one container is called asya-runtime, has the handler in its image and no command. Asya adds the sidecar.",
  ),
}).transform(({ type, ...rest }) => ({
  ...rest,
  kind: rest.kind ?? type ?? "Deployment",
}));

const sidecarSchema = z.strictObject({
  image: opt(z.string()).describe("Default: the operator's."),
  imagePullPolicy: opt(z.enum(["Always", "IfNotPresent", "Never"])).describe(
    "Default: the operator's.",
  ),
  resources: opt(z.looseObject({})).describe(
    "Kubernetes resources of the sidecar; default: the operator's.",
  ),
  env: z.array(envVarSchema).default([]).describe(
    "Settings of the sidecar, such as ASYA_LOG_LEVEL; they win over Asya's own.",
  ),
});

const timeoutSchema = z.strictObject({
  processing: positive.default(300).describe("Seconds that one call of the handler may take."),
  gracefulShutdown: whole.default(30).describe(
    "Seconds that a pod has to end in beside the processing time.",
  ),
});

const batchSchema = z.strictObject({
  size: positive.default(1).describe("Most calls that are handed to the handler as one list."),
  wait: durationText.default("10ms").describe(
    "How long the first call waits for more, such as 10ms.",
  ),
});

const specSchema: z.ZodType<AsyncActorSpec> = z.strictObject({
  transport: z.string().describe(
    "Name of a transport in the operator's settings, such as rabbitmq or sqs.",
  ),
  queueName: opt(z.string()).describe(
    "An existing queue, used as it is, never created or deleted. Default: asya-NAME, made by the operator.",
  ),
  sidecar: sidecarSchema.prefault({}).describe(
    "The container asya-sidecar, which Asya adds: it takes envelopes off the queue, calls the handler and sends on.",
  ),
  timeout: timeoutSchema.prefault({}).describe(
    "Time limits in seconds. terminationGracePeriodSeconds of the pods is their sum.",
  ),
  concurrency: positive.default(1).describe(
    "Calls of the handler at once in one pod, where the runtime takes as many.",
  ),
  batch: batchSchema.prefault({}).describe(
    "Calls that the runtime collects for a handler that works on lists.",
  ),
  resiliency: opt(resiliencySchema).describe(
    "How failed calls are tried again. Without it errors of the handler go to error-end at once.",
  ),
  scaling: scalingSchema.prefault({}).describe(
    "Autoscaling on the queue's length with KEDA, from 0 to N.",
  ),
  workload: workloadSchema.prefault({}).describe("The pods."),
  handler: opt(handlerSchema).describe(
    "Instead of workload.template: a WASM plugin inside the sidecar, or a Python function.",
  ),
});

/** {@linkcode AsyncActor}. Rules across fields are in `rules.ts`: they hold however much else is wrong. */
export const asyncActorSchema: z.ZodType<AsyncActor> = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("AsyncActor"),
  metadata: z.looseObject({
    name: actorName,
    namespace: opt(z.string()),
    uid: opt(z.string()),
    generation: opt(z.int()),
    labels: opt(z.record(z.string(), z.string())),
    annotations: opt(z.record(z.string(), z.string())),
  }),
  spec: specSchema.describe("What the actor is to be."),
  // Written by the operator; present when somebody saved a live object.
  status: opt(z.unknown()),
}).describe(
  "An actor: a queue and a handler. Asya runs the handler in pods that a sidecar feeds from the queue.",
);
