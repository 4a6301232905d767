/** What is wrong with an actor where it is to run, which its spec alone does not show. */

import { type AsyncActor, closest } from "@asya/manifest";
import type { OperatorConfig } from "../config.ts";
import { missingSecrets } from "./credentials.ts";
import { isAmount, MAX_UNAVAILABLE_ANNOTATION } from "./disruption_budget.ts";
import type { Facts } from "./facts.ts";
import { transportOf } from "./transport.ts";

/** A sentence each, with how to mend it; `desired` needs an actor that has none. */
export function specProblems(
  actor: AsyncActor,
  config: OperatorConfig,
  facts: Facts,
): readonly string[] {
  const { transport } = actor.spec;
  const known = Object.keys(config.transports);
  if (!known.includes(transport)) {
    const near = closest(transport, known);
    const fix = near ? `did you mean ${near}?` : `write one of ${known.join(", ") || "none"}`;
    return [`spec.transport: the operator knows no transport ${transport} (${fix})`];
  }
  const missing = missingSecrets(transportOf(actor, config), facts).map(({ name, key }) =>
    `the transport ${transport} needs key ${key} of Secret ${name}, which is not in the ` +
    "operator's namespace (create it there)"
  );
  const unavailable = actor.metadata.annotations?.[MAX_UNAVAILABLE_ANNOTATION];
  if (unavailable === undefined || isAmount(unavailable)) return missing;
  const fix = "write a number of pods or a percentage, such as 1 or 25%";
  return [...missing, `annotation ${MAX_UNAVAILABLE_ANNOTATION} is ${unavailable} (${fix})`];
}
