/** Assembles the kernel of WASM plugins, whose source is `plugins/host/kernel/kernel.wat`. */

import binaryen from "assemblyscript/binaryen";

const SOURCE = new URL("../plugins/host/kernel/kernel.wat", import.meta.url);
const LINE = 92;

/** The file that holds the kernel's binary as text. */
export async function kernelModule(): Promise<string> {
  const module = binaryen.parseText(await Deno.readTextFile(SOURCE));
  module.setFeatures(binaryen.Features.All);
  binaryen.setOptimizeLevel(3);
  module.optimize();
  const base64 = new Uint8Array(module.emitBinary()).toBase64();
  module.dispose();
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, "g"))!;
  return [
    "/** Made of `kernel.wat` by `deno task generate`; do not edit. */",
    "",
    "/** The kernel's module, in base64. */",
    "export const KERNEL =",
    ...lines.map((line, n) => `  "${line}"` + (n === lines.length - 1 ? ";" : " +")),
    "",
  ].join("\n");
}
