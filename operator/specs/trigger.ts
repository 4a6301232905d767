/**
 * How KEDA looks at an actor's queue. https://keda.sh/docs/latest/scalers/
 *
 * A retry that waits does so outside the actor's queue on RabbitMQ, in a delay queue that all actors
 * share, where nobody can tell whose it is. It need not be counted: when its time has come it is in
 * the actor's queue, and that wakes the actor. SQS keeps it in the queue, and counts it.
 */

import type { AsyncActor } from "@asya/manifest";
import type { OperatorConfig, RabbitmqConfig, SqsConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import { ownedMeta, transportSecretName, triggerAuthenticationName } from "./names.ts";
import { actorQueue, transportOf } from "./transport.ts";

type Texts = Readonly<Record<string, string>>;

/** Over AMQP a broker tells only of messages that wait; work in flight needs its HTTP API. */
function rabbitmqMetadata(transport: RabbitmqConfig, queue: string, length: number): Texts {
  return {
    protocol: transport.management ? "http" : "amqp",
    queueName: queue,
    vhostName: transport.vhost,
    mode: "QueueLength",
    value: `${length}`,
  };
}

function sqsMetadata(transport: SqsConfig, queue: string, length: number): Texts {
  const { region, accountId, endpoint } = transport;
  const url = accountId !== undefined && endpoint === undefined
    ? `https://sqs.${region}.amazonaws.com/${accountId}/${queue}`
    : queue;
  return {
    queueURL: url,
    queueLength: `${length}`,
    awsRegion: region,
    ...endpoint !== undefined && { awsEndpoint: endpoint },
    scaleOnInFlight: "true",
    scaleOnDelayed: "true",
  };
}

/** The trigger `queue` of an actor's ScaledObject. */
export function queueTrigger(actor: AsyncActor, config: OperatorConfig) {
  const transport = transportOf(actor, config);
  const queue = actorQueue(actor, config);
  const { queueLength } = actor.spec.scaling;
  return {
    type: transport.type === "rabbitmq" ? "rabbitmq" : "aws-sqs-queue",
    name: "queue",
    metadata: transport.type === "rabbitmq"
      ? rabbitmqMetadata(transport, queue, queueLength)
      : sqsMetadata(transport, queue, queueLength),
    authenticationRef: { name: triggerAuthenticationName(actor.metadata.name) },
  };
}

/** KEDA's parameters with the keys of the copied Secret that hold them. */
function rabbitmqParameters({ tls }: RabbitmqConfig): Texts {
  return {
    host: "host",
    ...tls.enabled && { tls: "tls" },
    ...tls.enabled && tls.caSecretRef && { ca: "ca.crt" },
    ...tls.enabled && tls.certSecretRef && { cert: "tls.crt" },
    ...tls.enabled && tls.keySecretRef && { key: "tls.key" },
  };
}

function authentication(actor: AsyncActor, config: OperatorConfig) {
  const transport = transportOf(actor, config);
  const name = transportSecretName(actor.spec.transport);
  const fromSecret = (parameters: Texts) => ({
    secretTargetRef: Object.entries(parameters).map(([parameter, key]) => ({
      parameter,
      name,
      key,
    })),
  });
  if (transport.type === "rabbitmq") return fromSecret(rabbitmqParameters(transport));
  if (transport.credentials) {
    return fromSecret({ awsAccessKeyID: "accessKeyId", awsSecretAccessKey: "secretAccessKey" });
  }
  const workload = transport.actorRoleArn !== undefined && { identityOwner: "workload" };
  return { podIdentity: { provider: "aws", ...workload } };
}

/** KEDA's way to be let in at the broker. */
export function triggerAuthentication(actor: AsyncActor, config: OperatorConfig): KubeObject {
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "TriggerAuthentication",
    metadata: ownedMeta(actor, triggerAuthenticationName(actor.metadata.name)),
    spec: authentication(actor, config),
  };
}
