/** Loads a module as a {@linkcode Plugin}: checks it, rewrites it, compiles it, starts its workers. */

import { type Plugin, PluginError, type PluginOptions } from "../plugin.ts";
import { Pool } from "./pool.ts";
import { PAGE_BYTES, prepare } from "./prepare.ts";

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return new Uint8Array(digest).toHex();
}

async function compile(options: PluginOptions): Promise<WebAssembly.Module> {
  const { module, limits } = options;
  if (module.length > limits.moduleBytes) {
    throw new PluginError(
      "invalid_module",
      `the module has ${module.length} bytes; its limit is ${limits.moduleBytes}`,
    );
  }
  const prepared = prepare(module, Math.floor(limits.memoryBytes / PAGE_BYTES));
  try {
    return await WebAssembly.compile(prepared);
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    const message = error.message.replace("WebAssembly.compile(): ", "");
    throw new PluginError("invalid_module", `the module is not valid: ${message}`, {
      cause: error,
    });
  }
}

function checkFunction(module: WebAssembly.Module, name: string): void {
  const functions = WebAssembly.Module.exports(module)
    .filter((entry) => entry.kind === "function").map((entry) => entry.name);
  if (functions.includes(name)) return;
  const shown = functions.slice(0, 20).join(", ") || "none";
  throw new PluginError(
    "missing_function",
    `the module does not export the function ${JSON.stringify(name)}; it exports: ${shown}`,
  );
}

/**
 * Loads a module and starts its workers; each holds one instance.
 *
 * @throws PluginError `invalid_module` | `missing_function` | `memory_limit`, or `trap`, `timeout`
 * or `guest_error` when the module's start-up code fails
 */
export async function loadPlugin(options: PluginOptions): Promise<Plugin> {
  const hash = await sha256(options.module);
  const { functionName } = options;
  try {
    const module = await compile(options);
    checkFunction(module, functionName);
    const script = new URL("./worker.ts", import.meta.url);
    const pool = new Pool({ ...options, module, hash, script });
    await pool.start();
    return pool;
  } catch (error) {
    if (!(error instanceof PluginError) || error.module) throw error;
    const { code, message, cause } = error;
    throw new PluginError(code, message, { cause, module: hash, functionName });
  }
}
