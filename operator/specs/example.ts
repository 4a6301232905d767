/** Actors and settings for this room's tests. */

import { type AsyncActor, readActor } from "@asya/manifest";
import { parse } from "yaml";
import { type OperatorConfig, operatorConfigSchema } from "../config.ts";
import type { Facts } from "./facts.ts";

/** Settings with a RabbitMQ and an SQS; `more` (YAML) goes over them. */
export function exampleConfig(more = "{}"): OperatorConfig {
  return operatorConfigSchema.parse({
    transports: {
      rabbitmq: {
        type: "rabbitmq",
        host: "rabbitmq.default.svc",
        username: "asya",
        passwordSecretRef: { name: "rabbitmq", key: "password" },
      },
      sqs: { type: "sqs", region: "eu-central-1" },
    },
    sidecar: { image: "asya-sidecar:1" },
    ...parse(more) as object,
  });
}

/** The actor `prep` in namespace `work`: `spec` and `metadata` in YAML. */
export function exampleActor(spec: string, metadata = "{}"): AsyncActor {
  const read = readActor({
    apiVersion: "asya.sh/v1alpha1",
    kind: "AsyncActor",
    metadata: { name: "prep", namespace: "work", uid: "u-1", ...parse(metadata) as object },
    spec: { transport: "rabbitmq", ...parse(spec) as object },
  });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  return read.actor;
}

/** A cluster with KEDA, the runtime's script and the password `p@ss/word`. */
export function exampleFacts(more: Partial<Facts> = {}): Facts {
  return {
    runtimeScripts: { "asya_runtime.py": "print('runtime')\n" },
    secrets: new Map([["rabbitmq/password", "p@ss/word"], ["gateway/token", "t0ken"]]),
    keda: true,
    ...more,
  };
}

/** A pod template whose runtime container has more fields (YAML flow, `a: 1, b: 2`). */
export function withRuntime(container = "", pod = "", workload = ""): string {
  const comma = (text: string) => text === "" ? "" : `, ${text}`;
  return `workload: {template: {spec: {containers: [{name: asya-runtime, image: app:1${
    comma(container)
  }}]${comma(pod)}}}${comma(workload)}}`;
}
