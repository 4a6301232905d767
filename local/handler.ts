/** From an actor's plan to the handler that its sidecar calls, and the process behind it. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Handler,
  MODULE_BYTES,
  pluginOptions,
  type SidecarSettings,
  socketHandler,
  wasmHandler,
} from "@asya/sidecar";
import { buildHandler, isHandlerSource, loadPlugin, moduleSource } from "@asya/plugins";
import type { Logger } from "@asya/telemetry";
import { HandlerProcess } from "./handler_process.ts";
import type { ActorPlan, ProcessPlan, WasmPlan } from "./plan.ts";
import type { Python } from "./python.ts";
import { type StatePaths, unlessMissing } from "./state_folder.ts";
import { writeMounts } from "./volumes.ts";

/** A module from the network takes no longer. */
const READ_MS = 120_000;

/** What every actor of a folder shares. */
export interface Machine {
  readonly state: StatePaths;
  /** The environment that handler processes inherit. */
  readonly env: Readonly<Record<string, string>>;
  /** Found when the first handler asks that has a process. @throws LocalError `no_python` */
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

/** The script of ours that serves a handler, under what runs it. */
async function commandOf({ kind, cwd }: ProcessPlan, python: Python): Promise<readonly string[]> {
  if (kind === "python") return [python.path, "-u", script("python/asya_runtime.py")];
  const runtime = script("node/asya_runtime.mjs");
  if (kind === "node") return ["node", runtime];
  // The user's import map, and never ours, which stands above the script.
  const configs = ["deno.json", "deno.jsonc"].map((name) => join(cwd, name));
  const there = await Promise.all(configs.map(isFile));
  const config = configs.find((_, at) => there[at]);
  const which = config === undefined ? ["--no-config"] : ["--config", config];
  return [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A", ...which, runtime];
}

function script(path: string): string {
  return fileURLToPath(new URL(`../runtime/${path}`, import.meta.url));
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    unlessMissing(error);
    return false;
  }
}

async function prepareProcess(
  plan: ProcessPlan,
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
      const command = await commandOf(plan, python);
      const process = new HandlerProcess({ python, command, env, cwd: plan.cwd, folder: dir, say });
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

/** The module's bytes; a source is built first. */
async function readModule(
  plan: WasmPlan,
  { wasmSha256: sha256 }: SidecarSettings,
  { state }: Machine,
  log: Logger,
): Promise<Uint8Array> {
  if (isHandlerSource(plan.file)) return await buildHandler(plan.file, state.builds);
  if (plan.content) {
    await Deno.mkdir(dirname(plan.file), { recursive: true });
    await Deno.writeFile(plan.file, plan.content);
  }
  const cacheDir = `${state.builds}/modules`;
  const source = moduleSource(plan.file, { maxBytes: MODULE_BYTES, sha256, cacheDir, log });
  return (await source.read(AbortSignal.timeout(READ_MS))).bytes;
}

async function prepareWasm(
  plan: WasmPlan,
  settings: SidecarSettings,
  machine: Machine,
  voice: Voice,
): Promise<PreparedHandler> {
  const { say } = voice;
  const module = await readModule(plan, settings, machine, voice.log);
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
 * @throws LocalError `no_python`; PluginError; SourceError; what the build of a source throws
 */
export function prepareHandler(
  plan: ActorPlan,
  settings: SidecarSettings,
  machine: Machine,
  voice: Voice,
): Promise<PreparedHandler> {
  return plan.handler.kind === "wasm"
    ? prepareWasm(plan.handler, settings, machine, voice)
    : prepareProcess(plan.handler, settings, machine, voice);
}
