/** The service account of an actor's pods: one of its own only where it carries a role of AWS. */

import type { AsyncActor } from "@asya/manifest";
import type { TransportConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import { ownedMeta } from "./names.ts";

/** The account that the template names. */
function named(actor: AsyncActor): string | undefined {
  const spec = actor.spec.workload.template?.spec;
  return (spec?.["serviceAccountName"] ?? spec?.["serviceAccount"]) as string | undefined;
}

function role(transport: TransportConfig): string | undefined {
  return transport.type === "sqs" ? transport.actorRoleArn : undefined;
}

/**
 * The account that carries the transport's role (IRSA), called as the actor; none where there is no
 * role, or where the template names an account: its roles are the user's business.
 */
export function serviceAccount(
  actor: AsyncActor,
  transport: TransportConfig,
): KubeObject | undefined {
  const arn = role(transport);
  if (arn === undefined || named(actor) !== undefined) return undefined;
  const metadata = ownedMeta(actor);
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { ...metadata, annotations: { "eks.amazonaws.com/role-arn": arn } },
    automountServiceAccountToken: false,
  };
}

/**
 * The pod's fields about it. Handlers do not talk to Kubernetes, so they get no token of it, unless
 * the template says so or names an account, whose rights are then what it is for.
 */
export function accountFields(
  actor: AsyncActor,
  transport: TransportConfig,
): Readonly<Record<string, unknown>> {
  const own = serviceAccount(actor, transport);
  const spec = actor.spec.workload.template?.spec;
  const automount = spec?.["automountServiceAccountToken"];
  const token = automount === undefined && named(actor) === undefined;
  return {
    ...own && { serviceAccountName: own.metadata.name },
    ...token && { automountServiceAccountToken: false },
  };
}
