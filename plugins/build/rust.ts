/** Builds handlers in Rust: a crate whose library is called `handler`. */

import { BuildError, runCompiler } from "./compiler.ts";
import { findRust, RUST_TARGET } from "./toolchain.ts";

/**
 * Compiles the crate of a folder to a file.
 *
 * @returns the compiler's warnings
 * @throws ToolchainMissing, BuildError
 */
export async function buildRust(dir: string, file: string, signal: AbortSignal): Promise<string> {
  const { cargo, env, args } = await findRust(dir);
  const target = `${dir}/target`;
  const notes = await runCompiler(
    cargo,
    ["build", "--release", "--quiet", "--target", RUST_TARGET, "--target-dir", target, ...args],
    { cwd: dir, env, signal },
  );
  const made = `${target}/${RUST_TARGET}/release/handler.wasm`;
  try {
    await Deno.copyFile(made, file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const wanted = '[lib] with name = "handler" and crate-type = ["cdylib"]';
    throw new BuildError(`the build made no ${made}: Cargo.toml needs ${wanted}`);
  }
  return notes;
}
