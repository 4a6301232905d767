/** The WASM plugin that the environment names: where its module comes from, and its bounds. */

import { SettingsError } from "@asya/config";
import type { Plugin, PluginOptions } from "@asya/plugins";
import type { Logger } from "@asya/telemetry";
import { Backoff } from "@asya/transport";
import type { SidecarSettings } from "./settings.ts";

/** Largest module, in bytes. */
export const MODULE_BYTES = 64 * 2 ** 20;
/** What one call may have the host keep, and its largest output, in bytes. */
const CALL_BYTES = 64 * 2 ** 20;

/** What waiting may cure; everything else is wrong in the settings or in what they name. */
const MAY_PASS: readonly string[] = ["unreachable", "unauthorized"];

/**
 * Without it V8 does not interrupt a guest that moves memory in a loop: it looks at the clock only
 * in code that was optimised, and would get to that after minutes.
 */
const V8_FLAGS = "--wasm-tiering-budget=1000";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Reads the module, loads it, and follows it for changes. While the module's server is away it tries
 * again, for as long as a handler may take to become ready.
 *
 * @throws SettingsError when the module is not there, cannot be used, or has another digest;
 * SourceError when its server cannot be reached; PluginError; the signal's reason
 */
export async function openPlugin(
  settings: SidecarSettings,
  log: Logger,
  signal: AbortSignal,
): Promise<Plugin> {
  const { InvalidAllowedHosts, SourceError } = await import("@asya/plugins");
  if (!Deno.env.get("DENO_V8_FLAGS")?.includes("--wasm-tiering-budget")) {
    log.warn(`not every guest can be interrupted at its limit; set DENO_V8_FLAGS=${V8_FLAGS}`);
  }
  const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  const end = performance.now() + settings.runtimeReadyTimeout;
  while (true) {
    try {
      return await start(settings, log);
    } catch (error) {
      if (error instanceof InvalidAllowedHosts) {
        throw new SettingsError([`ASYA_WASM_ALLOWED_HOSTS: ${error.problems.join("; ")}`]);
      }
      if (!(error instanceof SourceError)) throw error;
      if (!MAY_PASS.includes(error.code)) {
        throw new SettingsError([`ASYA_WASM_MODULE: ${error.message}`]);
      }
      if (performance.now() > end) throw error;
      log.warn("the module cannot be read; trying again", { error });
    }
    if (!await backoff.wait(signal)) throw signal.reason;
  }
}

async function start(settings: SidecarSettings, log: Logger): Promise<Plugin> {
  const { loadPlugin, moduleSource, ReloadingPlugin } = await import("@asya/plugins");
  const { wasmModule = "", wasmSha256: sha256, wasmCacheDir: cacheDir } = settings;
  const remote = /^(https?|oci):/i.test(wasmModule);
  const source = moduleSource(wasmModule, {
    maxBytes: MODULE_BYTES,
    sha256,
    cacheDir,
    refreshMs: remote ? settings.wasmRefresh : undefined,
    pullSecret: settings.wasmPullSecretFile,
    log,
  });
  const guestLog: PluginOptions["log"] = (level, message) =>
    log[level](message, { from: "plugin" });
  return await ReloadingPlugin.start({
    source,
    load: ({ bytes }) => loadPlugin(pluginOptions(bytes, settings, guestLog)),
    log,
  });
}

/** A module together with what the settings say about running it. */
export function pluginOptions(
  module: Uint8Array,
  settings: SidecarSettings,
  log: NonNullable<PluginOptions["log"]>,
): PluginOptions {
  return {
    module,
    functionName: settings.wasmFunction,
    config: settings.wasmConfig,
    workers: settings.wasmWorkers,
    level: settings.wasmLevel,
    allowedHosts: settings.wasmAllowedHosts,
    stateBytes: settings.wasmState,
    limits: {
      timeoutMs: settings.wasmTimeout,
      startMs: settings.wasmStartTimeout,
      memoryBytes: settings.wasmMemory,
      kernelBytes: CALL_BYTES,
      moduleBytes: MODULE_BYTES,
      outputBytes: CALL_BYTES,
    },
    log,
  };
}
