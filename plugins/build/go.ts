/** Builds handlers in Go: the folder's package `main`, which exports by `//go:wasmexport`. */

import { runCompiler } from "./compiler.ts";
import { findGo } from "./toolchain.ts";

/**
 * Compiles the module of a folder to a file.
 *
 * @returns the compiler's warnings
 * @throws ToolchainMissing, BuildError
 */
export async function buildGo(dir: string, file: string, signal: AbortSignal): Promise<string> {
  const env = { GOOS: "wasip1", GOARCH: "wasm" };
  // c-shared: initialised once and called many times, where a program would run once.
  const args = ["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", file, "."];
  const notes = await runCompiler(await findGo(), args, { cwd: dir, env, signal });
  return notes.split("\n").filter((line) => !line.startsWith("go: downloading ")).join("\n");
}
