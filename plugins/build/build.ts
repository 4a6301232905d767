/** From the folder of a plugin to its module, `build/NAME.wasm`. */

import { resolve } from "node:path";
import { buildAssemblyScript } from "./assemblyscript.ts";
import { buildC } from "./c.ts";
import { BuildError } from "./compiler.ts";
import { type PluginDefinition, type PluginLanguage, readDefinition } from "./definition.ts";
import { buildGo } from "./go.ts";
import { buildRust } from "./rust.ts";
import { buildTypeScript } from "./typescript.ts";

/** A folder's module. */
export interface BuiltPlugin {
  /** What its folder says about it. */
  readonly definition: PluginDefinition;
  /** Where the module is. */
  readonly path: string;
  /** Its bytes. */
  readonly module: Uint8Array<ArrayBuffer>;
  /** What the compiler said beside it; empty: nothing, or nothing was built. */
  readonly notes: string;
}

/** Compiles a folder to a file and returns the compiler's warnings. */
type Builder = (dir: string, file: string, signal: AbortSignal) => Promise<string>;

/** A builder of what makes bytes of one file. */
function fromEntry(entry: string, build: (path: string) => Promise<Uint8Array>): Builder {
  return async (dir, file) => {
    const path = `${dir}/${entry}`;
    try {
      await Deno.writeFile(file, await build(path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new BuildError(`${path} is missing, where the handler begins`);
    }
    return "";
  };
}

const BUILDERS: Readonly<Record<PluginLanguage, Builder>> = {
  rust: buildRust,
  go: buildGo,
  c: buildC,
  as: fromEntry("assembly/handler.ts", buildAssemblyScript),
  ts: fromEntry("handler.ts", buildTypeScript),
};

/** Folders and files of a plugin that its module does not depend on. */
const NOT_SOURCE = new Set([
  "build",
  "target",
  "cases",
  "node_modules",
  "plugin.yaml",
  "README.md",
]);
/** More files than that are not looked at: the module is built anew. */
const MAX_FILES = 10_000;

/** When the newest source file was changed; now, where there are too many. */
async function newestSource(dir: string): Promise<number> {
  let newest = 0;
  const folders = [dir];
  let files = 0;
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (name.startsWith(".") || (folder === dir && NOT_SOURCE.has(name))) continue;
      if (++files > MAX_FILES) return Date.now();
      if (isDirectory) folders.push(`${folder}/${name}`);
      else newest = Math.max(newest, (await Deno.stat(`${folder}/${name}`)).mtime?.getTime() ?? 0);
    }
  }
  return newest;
}

async function modified(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return -1;
    throw error;
  }
}

/**
 * Builds the module of a plugin's folder.
 *
 * @param folder holds `plugin.yaml`
 * @throws PluginFileError, ToolchainMissing, BuildError, and what the compilers of AssemblyScript
 * and TypeScript throw
 */
export async function buildPlugin(folder: string, signal: AbortSignal): Promise<BuiltPlugin> {
  const dir = resolve(folder);
  const definition = await readDefinition(dir);
  const path = `${dir}/build/${definition.name}.wasm`;
  await Deno.mkdir(`${dir}/build`, { recursive: true });
  // Written beside and renamed, so that nobody reads half a module.
  const unfinished = `${path}.${crypto.randomUUID()}`;
  try {
    const notes = await BUILDERS[definition.lang](dir, unfinished, signal);
    const module = await Deno.readFile(unfinished);
    await Deno.rename(unfinished, path);
    return { definition, path, module, notes };
  } catch (error) {
    if (await modified(unfinished) >= 0) await Deno.remove(unfinished);
    throw error;
  }
}

/**
 * The module of a plugin's folder, built where a source file is newer.
 *
 * @throws as {@linkcode buildPlugin}
 */
export async function freshPlugin(folder: string, signal: AbortSignal): Promise<BuiltPlugin> {
  const dir = resolve(folder);
  const definition = await readDefinition(dir);
  const path = `${dir}/build/${definition.name}.wasm`;
  if (await modified(path) < await newestSource(dir)) return await buildPlugin(dir, signal);
  return { definition, path, module: await Deno.readFile(path), notes: "" };
}
