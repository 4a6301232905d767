/** Finds the files that an AssemblyScript program is made of: its entry and what that imports. */

import { dirname, join, relative } from "node:path/posix";

/** A program's files; names are relative to the entry's folder. */
export interface Program {
  readonly entry: string;
  readonly files: ReadonlyMap<string, string>;
}

/** More files than that are a mistake. */
const MAX_FILES = 1_000;

const IMPORT = /\b(?:from|import)\s*["'](\.{1,2}\/[^"'\n]*)["']/g;

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Reads a program. A file that is imported but missing is left out: the compiler reports it.
 *
 * @throws Deno.errors.NotFound when the entry itself is missing
 */
export async function readProgram(entryPath: string): Promise<Program> {
  const folder = dirname(entryPath);
  const entry = relative(folder, entryPath);
  const files = new Map([[entry, await Deno.readTextFile(entryPath)]]);
  for (const [name, text] of files) {
    for (const [, specifier] of text.matchAll(IMPORT)) {
      const base = join(dirname(name), specifier!.replace(/\.ts$/, ""));
      for (const candidate of [`${base}.ts`, `${base}/index.ts`]) {
        if (files.has(candidate)) break;
        const found = await readIfThere(join(folder, candidate));
        if (found === undefined) continue;
        files.set(candidate, found);
        break;
      }
      if (files.size > MAX_FILES) {
        throw new Error(`${entryPath} imports more than ${MAX_FILES} files`);
      }
    }
  }
  return { entry, files };
}
