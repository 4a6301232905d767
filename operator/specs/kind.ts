/** The three kinds of pods that an actor can have. */

import { type AsyncActor, runtimeContainer } from "@asya/manifest";

/**
 * - `runtime`: a sidecar and the user's container, with the runtime's script in it
 * - `plugin`: a sidecar alone, a WASM module in it
 * - `crew`: a sidecar alone, with the crew's own handler of an end actor
 */
export type PodKind = "runtime" | "plugin" | "crew";

/** Which kind an actor has. */
export function podKind(actor: AsyncActor): PodKind {
  if (actor.spec.handler?.wasm) return "plugin";
  return actor.spec.handler?.python || runtimeContainer(actor) ? "runtime" : "crew";
}
