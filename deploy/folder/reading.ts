/** A folder as `dev` reads it, with its documents as they were written, which is how they are applied. */

import { basename, relative, resolve } from "node:path";
import { type AsyncActor, type Located } from "@asya/manifest";
import { parseAllDocuments } from "yaml";
import { missingActors, readFolder, readTools, shownPath } from "@asya/local";
import { FolderError } from "./error.ts";
import { isKubeObject, type KubeObject } from "./object.ts";

/** A file with tools. */
export interface ToolsFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly text: string;
}

/** What a folder holds. */
export interface Source {
  /** Tells this folder's objects from those of others. */
  readonly name: string;
  /** Absolute. */
  readonly dir: string;
  /** Checked, defaults filled in. */
  readonly actors: readonly Located<AsyncActor>[];
  /** Every object of Kubernetes, actors among them, as it is written. */
  readonly objects: readonly KubeObject[];
  readonly tools: readonly ToolsFile[];
  /** Names of the tools. */
  readonly toolNames: readonly string[];
  /** Absolute paths of the files that are manifests or tools, and so no data of a handler. */
  readonly read: ReadonlySet<string>;
  /** What a person should know, a sentence each. */
  readonly notes: readonly string[];
}

/** A folder's name in the cluster: its own, in the letters of a label. */
export function folderName(dir: string): string {
  const name = basename(dir).toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return name.replaceAll(/^-|-$/g, "").slice(0, 40).replace(/-$/, "") || "folder";
}

async function objectsIn(file: string): Promise<KubeObject[]> {
  const documents = parseAllDocuments(await Deno.readTextFile(file), { merge: true });
  if ("empty" in documents) return [];
  return documents.map((document): unknown => document.toJS({ maxAliasCount: 100 }))
    .filter(isKubeObject);
}

/**
 * Reads a folder.
 *
 * @throws ManifestError; LocalError `no_folder`, `wrong_tools`; FolderError: it holds no actor
 */
export async function readSource(path: string): Promise<Source> {
  const dir = resolve(path);
  const { manifests, tools } = await readFolder(dir);
  const { actors, configMaps, secrets, others } = manifests;
  if (actors.length === 0) {
    const message = `${shownPath(dir)} holds no AsyncActor`;
    throw new FolderError(message, "write one, or start with examples/hello");
  }
  const kinds = others.filter(({ value }) => value.kind !== undefined);
  const files = [...actors, ...configMaps, ...secrets, ...kinds].map(({ file }) => resolve(file));
  const manifestFiles = [...new Set(files)].toSorted();
  const toolSet = await readTools(tools);
  const names = actors.map(({ value }) => value.metadata.name);
  return {
    name: folderName(dir),
    dir,
    actors,
    objects: (await Promise.all(manifestFiles.map(objectsIn))).flat(),
    tools: await Promise.all(tools.map(async (file) => ({
      path: relative(dir, file),
      text: await Deno.readTextFile(file),
    }))),
    toolNames: [...toolSet.keys()],
    read: new Set([...manifestFiles, ...tools]),
    notes: missingActors(toolSet, new Set([...names, "happy-end", "error-end"])),
  };
}
