/** All objects of one actor: a pure function of the actor, the settings and the cluster's facts. */

import type { AsyncActor } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import { disruptionBudget } from "./disruption_budget.ts";
import type { Facts } from "./facts.ts";
import { scaledObject } from "./scaled_object.ts";
import { serviceAccount } from "./service_account.ts";
import { transportOf } from "./transport.ts";
import { triggerAuthentication } from "./trigger.ts";
import { scaledByKeda, workload } from "./workload.ts";

/**
 * What there should be for one actor, in the order in which to apply it; anything else that belongs to
 * the actor is to be deleted. Each object has the actor as its owner where the actor has a `uid`.
 *
 * @throws UnknownTransport for an actor that `specProblems` finds fault with
 */
export function desired(
  actor: AsyncActor,
  config: OperatorConfig,
  facts: Facts,
): readonly KubeObject[] {
  const scaled = scaledByKeda(actor, facts);
  const objects = [
    serviceAccount(actor, transportOf(actor, config)),
    workload(actor, config, facts),
    disruptionBudget(actor),
    scaled ? triggerAuthentication(actor, config) : undefined,
    scaled ? scaledObject(actor, config) : undefined,
  ];
  return objects.filter((object) => object !== undefined);
}
