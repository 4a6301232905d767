/** A project folder: the manifests and tools files in it. */

import { join, relative, resolve } from "node:path";
import { type Manifests, parseManifests } from "@asya/manifest";
import { LocalError } from "./error.ts";

/** Folders that hold no manifests and no handlers of ours. */
const SKIPPED = new Set(["node_modules", "__pycache__", "venv", "site-packages"]);
const MAX_FOLDERS = 1_000;
const MAX_MANIFEST_FILES = 500;

/** What a folder declares. */
export interface Folder {
  /** Absolute. */
  readonly dir: string;
  /** The `file` of each is as {@linkcode shownPath} gives it. */
  readonly manifests: Manifests;
  /** Absolute paths of the files with a `tools:` list. */
  readonly tools: readonly string[];
}

/** All folders under `dir`, itself first; hidden ones and those of package managers left out. */
export async function foldersUnder(dir: string): Promise<string[]> {
  const found = [dir];
  for (let i = 0; i < found.length && found.length < MAX_FOLDERS; i++) {
    for await (const { name, isDirectory } of Deno.readDir(found[i]!)) {
      if (isDirectory && !name.startsWith(".") && !SKIPPED.has(name)) {
        found.push(join(found[i]!, name));
      }
    }
  }
  return found.slice(0, MAX_FOLDERS);
}

async function manifestFiles(dir: string): Promise<string[]> {
  const files: string[] = [];
  for (const folder of await foldersUnder(dir)) {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (!isDirectory && /^[^.].*\.ya?ml$/.test(name)) files.push(join(folder, name));
    }
  }
  return files.sort().slice(0, MAX_MANIFEST_FILES);
}

/** How a path is named in messages: as short as it gets, and still a link in a terminal. */
export function shownPath(path: string): string {
  const short = relative(Deno.cwd(), path);
  return short.startsWith("..") ? path : short || ".";
}

/**
 * Reads every manifest under a folder.
 *
 * @param dir absolute
 * @throws ManifestError with all mistakes; LocalError `no_folder`
 */
export async function readFolder(dir: string): Promise<Folder> {
  if (!await isFolder(dir)) {
    throw new LocalError("no_folder", `${shownPath(dir)} is no folder: give one with your actors`);
  }
  const files = await Promise.all((await manifestFiles(dir)).map(async (path) => {
    const text = await readIfThere(path);
    return text === undefined ? [] : [{ path: shownPath(path), text }];
  }));
  const manifests = parseManifests(files.flat());
  const tools = manifests.others
    .filter(({ value }) => value.kind === undefined && hasTools(value.value))
    .map(({ file }) => resolve(file));
  return { dir, manifests, tools: [...new Set(tools)] };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/** Between listing and reading an editor may have renamed it; the watcher tells of the new one. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function hasTools(value: unknown): boolean {
  return typeof value === "object" && value !== null && "tools" in value;
}

/**
 * The names of all actors that a folder declares, and of the end actors.
 *
 * @param dir absolute
 * @throws as {@linkcode readFolder}
 */
export async function declaredActors(dir: string): Promise<string[]> {
  const { manifests } = await readFolder(dir);
  const names = manifests.actors.map(({ value }) => value.metadata.name);
  return [...new Set([...names, "happy-end", "error-end"])];
}

/** Whether there is something at a path. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
