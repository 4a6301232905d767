/** Makes an instance of a guest, in a worker or in the main thread. */

import type { Guest, GuestOptions } from "./guest.ts";
import { WasmGuest } from "./wasm_guest.ts";

/** @throws PluginError when its start-up code fails */
export async function createGuest(options: GuestOptions): Promise<Guest> {
  const { code } = options;
  if (code.kind === "wasm") return new WasmGuest({ ...options, code });
  const { createScriptGuest } = await import("./script_guest.ts"); // an engine of half a megabyte
  return await createScriptGuest({ ...options, code });
}
