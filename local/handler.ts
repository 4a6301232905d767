/** From an actor's plan to the handler that its sidecar calls, and the process behind it. */

import {
  type Handler,
  pluginOptions,
  type SidecarSettings,
  socketHandler,
  wasmHandler,
} from "@asya/sidecar";
import { cachedBuild, loadPlugin } from "@asya/plugins";
import type { Logger } from "@asya/telemetry";
import { HandlerProcess } from "./handler_process.ts";
import type { ActorPlan, PythonPlan, WasmPlan } from "./plan.ts";
import type { Python } from "./python.ts";
import type { StatePaths } from "./state_folder.ts";
import { writeMounts } from "./volumes.ts";

/** What every actor of a folder shares. */
export interface Machine {
  readonly state: StatePaths;
  /** The environment that handler processes inherit. */
  readonly env: Readonly<Record<string, string>>;
  /** Found when the first Python handler asks. @throws LocalError `no_python` */
  readonly python: () => Promise<Python>;
}

/** A handler that can be called, and ended. */
export interface RunningHandler {
  readonly handler: Handler;
  /** Absent for WASM. */
  readonly process?: HandlerProcess;
  /** Ends both; the process gets `graceMs` to leave. */
  close(graceMs: number): Promise<void>;
}

/** How a running handler speaks. */
export interface Voice {
  readonly log: Logger;
  readonly say: (line: string) => void;
}

/** Our own variables would change what a handler does; everything else is the user's. */
function inherited(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("ASYA_")));
}

/** A handler that can be started, once. */
export interface PreparedHandler {
  start(): Promise<RunningHandler>;
  /** Instead of `start`. */
  discard(): Promise<void>;
}

async function preparePython(
  plan: PythonPlan,
  settings: SidecarSettings,
  machine: Machine,
  { log, say }: Voice,
): Promise<PreparedHandler> {
  const python = await machine.python();
  const { socketDir: dir, socketName, concurrency, maxFrameBytes, actor, endActor } = settings;
  // Keeps the user's folders free of caches.
  // A cache is told from its source by seconds and size: a quick edit of a digit would not show.
  const caches = { PYTHONDONTWRITEBYTECODE: "1" };
  const env = { ...caches, ...inherited(machine.env), ...plan.env };
  return {
    async start() {
      await writeMounts(plan.mountRoot, plan.mounts);
      const process = new HandlerProcess({ python, env, cwd: plan.cwd, folder: dir, say });
      const cancelGraceMs = settings.cancelGrace;
      const limits = { concurrency, maxFrameBytes, cancelGraceMs };
      const handler = socketHandler({ dir, socketName, actor, endActor, log, ...limits });
      const close = async (graceMs: number) => {
        await handler.close();
        await process.stop(graceMs);
      };
      return { handler, process, close };
    },
    discard: () => Promise.resolve(),
  };
}

/** The module's bytes; AssemblyScript is built first, unless it was built before. */
async function readModule(plan: WasmPlan, machine: Machine): Promise<Uint8Array> {
  if (plan.content) return plan.content;
  if (plan.file.endsWith(".ts")) return await cachedBuild(plan.file, machine.state.builds);
  return await Deno.readFile(plan.file);
}

async function prepareWasm(
  plan: WasmPlan,
  settings: SidecarSettings,
  machine: Machine,
  { say }: Voice,
): Promise<PreparedHandler> {
  const module = await readModule(plan, machine);
  const log = (level: string, message: string) => say(`${level}: ${message}`);
  const plugin = await loadPlugin(pluginOptions(module, settings, log));
  const { actor, wasmMode: mode } = settings;
  const handler = wasmHandler({ load: () => Promise.resolve(plugin), actor, mode });
  return {
    start: () => Promise.resolve({ handler, close: () => handler.close() }),
    discard: () => plugin.close(),
  };
}

/**
 * Makes everything that can be made while the handler before still runs.
 *
 * @throws LocalError `no_python`; PluginError; BuildError of an AssemblyScript source
 */
export function prepareHandler(
  plan: ActorPlan,
  settings: SidecarSettings,
  machine: Machine,
  voice: Voice,
): Promise<PreparedHandler> {
  return plan.handler.kind === "python"
    ? preparePython(plan.handler, settings, machine, voice)
    : prepareWasm(plan.handler, settings, machine, voice);
}
