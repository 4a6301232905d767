/** Builds handlers in C: the folder's `.c` files, without a library of C. */

import { BuildError, runCompiler } from "./compiler.ts";
import { findClang } from "./toolchain.ts";

/**
 * Compiles the `.c` files of a folder to one module.
 *
 * @returns the compiler's warnings
 * @throws ToolchainMissing, BuildError
 */
export async function buildC(dir: string, file: string, signal: AbortSignal): Promise<string> {
  const sources: string[] = [];
  for await (const { name, isFile } of Deno.readDir(dir)) {
    if (isFile && name.endsWith(".c")) sources.push(name);
  }
  if (sources.length === 0) throw new BuildError(`${dir} holds no .c file`);
  const { clang, linker } = await findClang();
  const language = ["--target=wasm32", "-std=c11", "-O2", "-Wall", "-Wextra"];
  const freestanding = ["-ffreestanding", "-nostdlib", "-mbulk-memory"];
  const linking = [`-fuse-ld=${linker}`, "-Wl,--no-entry", "-Wl,--strip-debug"];
  const args = [...language, ...freestanding, ...linking, "-o", file, ...sources.sort()];
  return await runCompiler(clang, args, { cwd: dir, signal });
}
