import assert from "node:assert/strict";
import { NO_HOST } from "./environment.ts";
import { GuestLog } from "./guest_log.ts";
import { compileKernel } from "./kernel/kernel.ts";
import { prepare } from "./prepare.ts";
import { guestModule } from "./testdata/assemble.ts";
import { PATIENT } from "./testdata/with_plugin.ts";
import { WasmGuest } from "./wasm_guest.ts";

const code = {
  kind: "wasm",
  module: new WebAssembly.Module(prepare(guestModule(), 64).bytes),
  kernel: compileKernel(),
} as const;

function call(letter: string, limitMs = 5_000) {
  const input = new TextEncoder().encode(letter);
  return { input, context: {}, limitMs, log: new GuestLog(), host: NO_HOST };
}

/** Letters as in `ANY`. */
const AFTER: Readonly<Record<string, boolean>> = {
  a: true, // echo
  d: true, // an error that the guest reports itself
  c: false, // trap
  e: false, // interrupted
  l: false, // stopped by a limit
};

for (const [letter, usable] of Object.entries(AFTER)) {
  Deno.test(`WasmGuest is ${usable ? "" : "not "}usable after ${letter}`, () => {
    const guest = new WasmGuest({ code, functionName: "any", config: {}, limits: PATIENT });
    assert.equal(guest.usable, true);
    try {
      guest.call(call(letter, letter === "e" ? 30 : undefined));
    } catch (error) {
      assert.equal((error as Error).name, "PluginError");
    }
    assert.equal(guest.usable, usable);
    if (usable) assert.equal(new TextDecoder().decode(guest.call(call("a"))), "a");
  });
}
