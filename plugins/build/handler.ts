/** Builds a handler of one source file that needs no toolchain. */

import { cachedBuild } from "./assemblyscript.ts";
import { languageOf } from "./language.ts";
import { buildTypeScript } from "./typescript.ts";

/** Whether a path is one of source code, not of a module. */
export function isHandlerSource(path: string): boolean {
  return /\.[cm]?[jt]s$/.test(path);
}

/**
 * The module of an AssemblyScript, TypeScript or JavaScript file and what it imports.
 *
 * @param cacheDir keeps what takes long to build
 * @throws SourceCodeError, Deno.errors.NotFound
 */
export async function buildHandler(
  entry: string,
  cacheDir: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const language = await languageOf(entry);
  return await (language === "typescript" ? buildTypeScript(entry) : cachedBuild(entry, cacheDir));
}
