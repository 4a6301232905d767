/** The pod template of an actor: the user's, with the sidecar and all that it needs. */

import type { AsyncActor, Container, PodTemplate, Volume } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";
import { copied } from "./credentials.ts";
import { digest } from "./digest.ts";
import type { Facts } from "./facts.ts";
import { graceOf } from "./grace.ts";
import { podKind } from "./kind.ts";
import { actorLabels } from "./names.ts";
import { scriptOf } from "./language.ts";
import { runtimeContainer } from "./runtime.ts";
import { secured } from "./security.ts";
import { accountFields } from "./service_account.ts";
import { sidecarContainer } from "./sidecar.ts";
import { transportOf } from "./transport.ts";

/**
 * What pods read only once when they start, so that a change must roll them. The mesh token and WASM
 * modules are not in it: the sidecar reads those again.
 */
function hashes(
  actor: AsyncActor,
  config: OperatorConfig,
  facts: Facts,
): Readonly<Record<string, string>> {
  const credentials = copied(transportOf(actor, config), facts);
  return {
    ...podKind(actor) === "runtime" && {
      "asya.sh/runtime-hash": digest({ script: facts.runtimeScripts[scriptOf(actor)] ?? "" }),
    },
    ...Object.keys(credentials).length > 0 &&
      { "asya.sh/credentials-hash": digest(credentials) },
  };
}

/** The user's, then ours; a volume of the user's that has a name of ours is taken instead. */
function withOurs(user: readonly Volume[], ours: readonly Volume[]): Volume[] {
  const names = new Set(user.map(({ name }) => name));
  return [...user, ...ours.filter(({ name }) => !names.has(name))];
}

interface NamedSecret {
  readonly name: string;
}

function pullSecrets(spec: PodTemplate["spec"] | undefined, config: OperatorConfig) {
  const user = (spec?.["imagePullSecrets"] ?? []) as readonly NamedSecret[];
  const names = new Set([...user.map(({ name }) => name), ...config.imagePullSecrets]);
  return names.size > 0 ? { imagePullSecrets: [...names].map((name) => ({ name })) } : {};
}

/** The crew writes into its volume as the sidecar's user. */
function crewFields(actor: AsyncActor, spec: PodTemplate["spec"] | undefined) {
  if (podKind(actor) !== "crew") return {};
  const context = spec?.["securityContext"] as Readonly<Record<string, unknown>> | undefined;
  return { securityContext: { fsGroup: 65532, ...context } };
}

/** Everything of the user's template stays but what makes an actor of it. */
export function podTemplate(
  actor: AsyncActor,
  config: OperatorConfig,
  facts: Facts,
): PodTemplate {
  const template = actor.spec.workload.template;
  const metadata = template?.metadata as
    | { labels?: Record<string, string>; annotations?: Record<string, string> }
    | undefined;
  const sidecar = sidecarContainer(actor, config);
  const runtime = podKind(actor) === "runtime" ? runtimeContainer(actor, config) : undefined;
  const users = (template?.spec.containers ?? []).map((container: Container) =>
    container.name === "asya-runtime" && runtime ? runtime.container : container
  );
  if (runtime && template === undefined) users.push(runtime.container);
  const spec = {
    // A Service called asya-rabbitmq would else set ASYA_RABBITMQ_PORT, to a URL.
    enableServiceLinks: false,
    ...template?.spec,
    ...accountFields(actor, transportOf(actor, config)),
    ...pullSecrets(template?.spec, config),
    ...crewFields(actor, template?.spec),
    terminationGracePeriodSeconds: graceOf(actor).pod,
    containers: [...users, sidecar.container],
    // Both containers name the socket's folder.
    volumes: withOurs(
      withOurs(template?.spec.volumes ?? [], runtime?.volumes ?? []),
      sidecar.volumes,
    ),
  };
  return {
    metadata: {
      labels: { ...metadata?.labels, ...actorLabels(actor.metadata.name) },
      annotations: { ...metadata?.annotations, ...hashes(actor, config, facts) },
    },
    spec: secured(spec, config.podSecurity),
  };
}
