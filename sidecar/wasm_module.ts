/** The WASM module that the environment names, and the bounds that it runs in. */

import { SettingsError } from "@asya/config";
import type { PluginOptions } from "@asya/plugins";
import type { Logger } from "@asya/telemetry";
import type { SidecarSettings } from "./settings.ts";

/** Largest module, and largest input and output of one call, in bytes. */
const MODULE_BYTES = 64 * 2 ** 20;
const CALL_BYTES = 64 * 2 ** 20;

/**
 * Reads the module.
 *
 * @throws SettingsError when it is not a file, cannot be read, has another digest, or asks for what
 * this version cannot give
 */
export async function loadModule(settings: SidecarSettings, log: Logger): Promise<PluginOptions> {
  const path = settings.wasmModule ?? "";
  if (/^[a-z]+:\/\//.test(path)) {
    throw new SettingsError([`ASYA_WASM_MODULE=${path}: only the path of a file is possible`]);
  }
  if (settings.wasmAllowedHosts.length > 0) {
    throw new SettingsError(["ASYA_WASM_ALLOWED_HOSTS: plugins have no network in this version"]);
  }
  const module = await read(path);
  await checkDigest(module, settings.wasmSha256);
  return pluginOptions(
    module,
    settings,
    (level, message) => log[level](message, { from: "plugin" }),
  );
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
    limits: {
      timeoutMs: settings.wasmTimeout,
      memoryBytes: settings.wasmMemory,
      kernelBytes: CALL_BYTES,
      moduleBytes: MODULE_BYTES,
      outputBytes: CALL_BYTES,
    },
    log,
  };
}

async function read(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MODULE_BYTES) throw new Error(`it has ${size} bytes, more than ${MODULE_BYTES}`);
    return await Deno.readFile(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SettingsError([`ASYA_WASM_MODULE=${path}: ${why}`]);
  }
}

async function checkDigest(module: Uint8Array<ArrayBuffer>, wanted: string | undefined) {
  if (wanted === undefined) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", module)).toHex();
  if (digest === wanted.toLowerCase().replace(/^sha256:/, "")) return;
  throw new SettingsError([`ASYA_WASM_SHA256: the module's digest is ${digest}`]);
}
