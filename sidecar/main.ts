/** The sidecar's process, beside a runtime on its socket or with a plugin inside. */

import type { Logger } from "@asya/telemetry";
import { join } from "node:path";
import { type Handler, socketHandler, wasmHandler } from "./handlers/mod.ts";
import { runSidecarProcess } from "./process.ts";
import type { SidecarSettings } from "./settings.ts";
import { openPlugin } from "./wasm_module.ts";

/** Written into the socket folder when the sidecar has ended, so that the runtime can end too. */
const DONE_FILE = "sidecar-done";

function runtimeHandler(settings: SidecarSettings, log: Logger): Handler {
  const { socketDir: dir, socketName, concurrency, maxFrameBytes, actor, endActor } = settings;
  const cancelGraceMs = settings.cancelGrace;
  return socketHandler({
    dir,
    socketName,
    concurrency,
    maxFrameBytes,
    cancelGraceMs,
    actor,
    endActor,
    log,
  });
}

function pluginHandler(settings: SidecarSettings, log: Logger): Handler {
  const { actor, wasmMode: mode } = settings;
  return wasmHandler({ load: (signal) => openPlugin(settings, log, signal), actor, mode });
}

async function removeDoneFile(dir: string): Promise<void> {
  try {
    await Deno.remove(join(dir, DONE_FILE));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function writeDoneFile(dir: string, log: Logger): Promise<void> {
  try {
    await Deno.writeTextFile(join(dir, DONE_FILE), "");
  } catch (error) {
    log.warn("the runtime cannot be told that the sidecar is done", { error });
  }
}

if (import.meta.main) {
  const usesSocket = (settings: SidecarSettings) => settings.wasmModule === undefined;
  const code = await runSidecarProcess({
    summary: "Takes envelopes off an actor's queue, has its handler work on them, sends them on.",
    async handler(settings, log) {
      if (!usesSocket(settings)) return pluginHandler(settings, log);
      await removeDoneFile(settings.socketDir);
      return runtimeHandler(settings, log);
    },
    async drained(settings, log) {
      if (usesSocket(settings)) await writeDoneFile(settings.socketDir, log);
    },
  });
  Deno.exit(code);
}
