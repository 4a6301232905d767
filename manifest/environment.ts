/**
 * From an AsyncActor to the environment of its runtime and of its sidecar. One function for both
 * worlds, so that an actor is configured the same on a laptop and in a cluster.
 */

import type { AsyncActor } from "./actor.ts";
import { END_ACTORS } from "./end_actors.ts";
import type { WasmHandler } from "./handler.ts";
import type { Container, EnvVar, EnvVarSource } from "./pod.ts";

/** Later entries win, as in a container. The place of the first one is kept. */
function merged(...lists: readonly (readonly EnvVar[])[]): EnvVar[] {
  const byName = new Map<string, EnvVar>();
  for (const variable of lists.flat()) byName.set(variable.name, variable);
  return [...byName.values()];
}

/** Values by the variable's name; an object says where the value comes from. */
export type GivenVariables = Readonly<Record<string, string | EnvVarSource>>;

function plain(
  values: Readonly<Record<string, string | number | EnvVarSource | undefined>>,
): EnvVar[] {
  return Object.entries(values).flatMap(([name, value]): EnvVar[] => {
    if (value === undefined) return [];
    return [typeof value === "object" ? { name, valueFrom: value } : { name, value: `${value}` }];
  });
}

/** The container that holds the user's handler; undefined for the short forms. */
export function runtimeContainer(actor: AsyncActor): Container | undefined {
  return actor.spec.workload.template?.spec.containers.find(({ name }) => name === "asya-runtime");
}

/** A runtime that collects calls needs that many at once. */
function concurrency({ spec }: AsyncActor): number {
  return Math.max(spec.concurrency, spec.batch.size);
}

/**
 * The variables of the handler's process: ours first, then the user's own, which win, except for
 * `given`, which says what only the place it runs in can know (the socket's folder).
 *
 * @example
 * ```ts
 * import { parseManifests, runtimeEnvironment } from "@asya/manifest";
 * const text = "{apiVersion: asya.sh/v1alpha1, kind: AsyncActor, metadata: {name: a}, " +
 *   "spec: {transport: rabbitmq, handler: {python: {path: app.run}}}}";
 * const actor = parseManifests([{ path: "a.yaml", text }]).actors[0]!.value;
 * const variables = runtimeEnvironment(actor, { ASYA_SOCKET_DIR: "/var/run/asya" });
 * if (!variables.some((v) => v.name === "ASYA_HANDLER" && v.value === "app.run")) throw new Error();
 * ```
 */
export function runtimeEnvironment(
  actor: AsyncActor,
  given: GivenVariables,
): EnvVar[] {
  const { batch, timeout, handler } = actor.spec;
  const ours = plain({
    ASYA_HANDLER: handler?.python?.path,
    ASYA_HANDLER_MODE: handler?.python?.mode,
    ASYA_CONCURRENCY: concurrency(actor),
    ASYA_BATCH_SIZE: batch.size,
    ASYA_BATCH_WAIT: batch.wait,
    ASYA_SHUTDOWN_GRACE: `${timeout.gracefulShutdown}s`,
  });
  return merged(ours, runtimeContainer(actor)?.env ?? [], plain(given));
}

function wasmVariables(wasm: WasmHandler): EnvVar[] {
  const { module } = wasm;
  return plain({
    ASYA_HANDLER_MODE: wasm.mode,
    ASYA_WASM_MODULE: module.url ?? (module.image && `oci://${module.image}`) ?? module.file,
    ASYA_WASM_SHA256: module.sha256,
    ASYA_WASM_FUNCTION: wasm.function,
    ASYA_WASM_TIMEOUT: wasm.timeout,
    ASYA_WASM_MEMORY: wasm.memory,
    ASYA_WASM_ALLOWED_HOSTS: wasm.allowedHosts.join(",") || undefined,
    ASYA_WASM_STATE: wasm.state,
    ASYA_WASM_CONFIG: JSON.stringify(wasm.config),
    ASYA_WASM_LEVEL: wasm.level,
    ASYA_WASM_WORKERS: wasm.workers,
  });
}

/** A plugin's worker works on one call, but has up to so many in hand where they are short. */
const CALLS_PER_WORKER = 32;

/**
 * The variables of the sidecar: ours, then the user's `spec.sidecar.env`, which win, except for
 * the actor's name and `given` (transport, gateway, socket folder, module on disk).
 */
export function sidecarEnvironment(
  actor: AsyncActor,
  given: GivenVariables,
): EnvVar[] {
  const { name } = actor.metadata;
  const { timeout, resiliency, sidecar, handler } = actor.spec;
  const { policies, rules } = resiliency ?? {};
  const ours = plain({
    ASYA_RUNTIME_TIMEOUT: `${timeout.processing}s`,
    ASYA_SHUTDOWN_GRACE: `${timeout.gracefulShutdown}s`,
    ASYA_CONCURRENCY: handler?.wasm ? handler.wasm.workers * CALLS_PER_WORKER : concurrency(actor),
    ASYA_RESILIENCY_POLICIES: policies && JSON.stringify(policies),
    ASYA_RESILIENCY_RULES: rules && JSON.stringify(rules),
    ASYA_IS_END_ACTOR: END_ACTORS.includes(name) ? "true" : undefined,
  });
  const wasm = handler?.wasm ? wasmVariables(handler.wasm) : [];
  return merged(ours, wasm, sidecar.env, plain(given), plain({ ASYA_ACTOR_NAME: name }));
}
