/** Assembles WebAssembly text for tests. */

import binaryen from "assemblyscript/binaryen";

/** The binary of a module in text form; names of functions are kept for stacks. */
export function assemble(text: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(text);
  try {
    module.setFeatures(binaryen.Features.All);
    binaryen.setDebugInfo(true);
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

let guest: Uint8Array<ArrayBuffer> | undefined;

/** The module of `guest.wat`. */
export function guestModule(): Uint8Array<ArrayBuffer> {
  return guest ??= assemble(Deno.readTextFileSync(new URL("guest.wat", import.meta.url)));
}
