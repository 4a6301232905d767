/** Loads a module as a {@linkcode Plugin}: checks it, rewrites it, compiles it, starts it. */

import { sha256 } from "../digest.ts";
import { type Plugin, PluginError, type PluginOptions } from "../plugin.ts";
import { scriptOf } from "../script.ts";
import { parseAllowedHosts } from "./allowed_hosts.ts";
import type { GuestCode } from "./guest.ts";
import { InlinePlugin } from "./inline.ts";
import { compileKernel } from "./kernel/kernel.ts";
import { Pool, type Prepared } from "./pool.ts";
import { PAGE_BYTES, prepare } from "./prepare.ts";
import { ActorState } from "./state.ts";
import { checkModule } from "./validate.ts";

async function compile(options: PluginOptions): Promise<GuestCode> {
  const { module, limits, functionName } = options;
  const source = scriptOf(module);
  if (source !== undefined) return { kind: "script", source };
  const prepared = prepare(module, Math.floor(limits.memoryBytes / PAGE_BYTES));
  checkModule(prepared, functionName);
  try {
    const compiled = await WebAssembly.compile(prepared.bytes);
    return { kind: "wasm", module: compiled, kernel: compileKernel() };
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    const message = error.message.replace("WebAssembly.compile(): ", "");
    throw new PluginError("invalid_module", `the module is not valid: ${message}`, {
      cause: error,
    });
  }
}

async function start(prepared: Prepared): Promise<Plugin> {
  if (prepared.level === "inline") return await InlinePlugin.start(prepared);
  const script = new URL("./worker.ts", import.meta.url);
  const pool = new Pool({ ...prepared, script });
  await pool.start();
  return pool;
}

/**
 * Loads a module and starts its workers, or its instance in this thread; each holds one instance.
 *
 * @throws PluginError `invalid_module` | `missing_function` | `memory_limit`, or `trap`, `timeout`
 * or `guest_error` when the module's start-up code fails; AllowedHostsError
 */
export async function loadPlugin(options: PluginOptions): Promise<Plugin> {
  const { module, functionName, limits: { moduleBytes } } = options;
  if (module.length > moduleBytes) {
    const message = `the module has ${module.length} bytes; its limit is ${moduleBytes}`;
    throw new PluginError("invalid_module", message, { functionName });
  }
  const hash = await sha256(new Uint8Array(module));
  const allowed = parseAllowedHosts(options.allowedHosts);
  const state = new ActorState(options.stateBytes);
  try {
    const code = await compile(options);
    return await start({ ...options, code, hash, allowed, state });
  } catch (error) {
    if (!(error instanceof PluginError) || error.module) throw error;
    const { code, message, cause, type, guestStack } = error;
    const where = { module: hash, functionName };
    throw new PluginError(code, message, { cause, type, guestStack, ...where });
  }
}
