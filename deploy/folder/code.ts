/**
 * The code of an actor: from the folder in which `dev` finds it to files in its container. It is what
 * `dev` runs, with small data files; caches, environments and other languages stay.
 */

import { dirname, join, relative, resolve } from "node:path";
import { type AsyncActor, handlerFile, type Located, runtimeContainer } from "@asya/manifest";
import { foldersUnder, shownPath } from "@asya/local";
import { FolderError } from "./error.ts";
import { type Files, sizeText, tooLarge } from "./config_map.ts";
import { comesAlong, isSource, type Language, languageOf } from "./language.ts";

/** Annotation of an actor: the folder with its code, relative to its manifest. */
const LOCAL_PATH = "asya.sh/local-path";

/** A larger file is hardly part of a program's code. */
const DATA_BYTES = 100_000;

/** Where an actor's code is. */
export interface CodePlace {
  readonly language: Language;
  /** Absolute; all that is packed is below. */
  readonly root: string;
  /** Folders for PYTHONPATH, relative to the root; the root itself is "". */
  readonly paths: readonly string[];
}

/** An actor's code, read. */
export interface Code extends CodePlace {
  readonly files: Files;
  /** Data files that were too large to come along, relative to the root. */
  readonly left: readonly string[];
}

function handlerOf(actor: AsyncActor): string {
  const { handler } = actor.spec;
  if (handler !== undefined) return handler.python?.path ?? "";
  return runtimeContainer(actor)?.env?.find(({ name }) => name === "ASYA_HANDLER")?.value ?? "";
}

/**
 * The place of the code that a folder brings along: of the short form `handler.python`, and of a
 * template with the annotation. Other templates have it in their image.
 *
 * @param dir absolute; the folder that is deployed
 * @param exists whether there is such a file or folder
 * @returns undefined where the code is in the image
 * @throws FolderError for an annotation that leads nowhere
 */
export function codePlace(
  { file, value: actor }: Located<AsyncActor>,
  dir: string,
  exists: (path: string) => boolean,
): CodePlace | undefined {
  const handler = handlerOf(actor);
  const noted = actor.metadata.annotations?.[LOCAL_PATH];
  if (noted === undefined && actor.spec.handler?.python === undefined) return undefined;
  if (handler === "") return undefined;
  const language = languageOf(handler);
  const beside = dirname(resolve(file));
  const root = noted === undefined ? dir : resolve(beside, noted);
  if (!exists(root)) {
    const name = actor.metadata.name;
    throw new FolderError(
      `${file}: ${LOCAL_PATH} of ${name} is ${noted}, which is not there`,
      "write the folder with its code, relative to the manifest",
    );
  }
  const folders = noted === undefined ? [...new Set([beside, dir])] : [root];
  const module = handler.split(".")[0]!;
  const names = language === "python" ? [`${module}.py`, module] : [handlerFile(handler)];
  const found = folders.some((folder) => names.some((name) => exists(join(folder, name))));
  if (!found) return undefined;
  return { language, root, paths: folders.map((folder) => relative(root, folder)) };
}

/** Size of a file, or undefined for what is none or has just gone. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const { isFile, size } = await Deno.stat(path);
    return isFile ? size : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Hidden files, folders of package managers and what does not {@linkcode comesAlong} are not in it. */
async function listFiles({ root, language }: CodePlace, without: ReadonlySet<string>) {
  const sizes = new Map<string, number>();
  const left: string[] = [];
  for (const folder of await foldersUnder(root)) {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory || name.startsWith(".") || without.has(path)) continue;
      if (!comesAlong(name, language)) continue;
      const size = await sizeOf(path);
      if (size === undefined) continue;
      const short = relative(root, path);
      if (size > DATA_BYTES && !isSource(name, language)) left.push(short);
      else sizes.set(short, size);
    }
  }
  return { sizes, left };
}

/**
 * Reads the files of a place, in a fixed order.
 *
 * @param actor its name, for messages
 * @param without absolute paths of files that are something else: manifests, tools
 * @throws FolderError when they do not fit into a ConfigMap
 */
export async function readCode(
  actor: string,
  place: CodePlace,
  without: ReadonlySet<string>,
): Promise<Code> {
  const { root } = place;
  const { sizes, left } = await listFiles(place, without);
  const problem = tooLarge(sizes);
  if (problem !== undefined) {
    throw new FolderError(
      `the code of ${actor}, ${sizes.size} files under ${shownPath(root)}, has ${problem}`,
      `build an image with it, or let the annotation ${LOCAL_PATH} name a smaller folder`,
    );
  }
  const files = new Map<string, Uint8Array>();
  for (const path of [...sizes.keys()].toSorted()) {
    files.set(path, await Deno.readFile(join(root, path)));
  }
  return { ...place, files, left: left.toSorted() };
}

/** What a person should know of files that were left out. */
export function leftNotes(actor: string, { left }: Code): string[] {
  if (left.length === 0) return [];
  const shown = left.slice(0, 3).join(", ");
  const more = left.length > 3 ? ` and ${left.length - 3} more` : "";
  return [
    `${actor}: ${shown}${more} stay here: data files over ${sizeText(DATA_BYTES)} belong ` +
    "into an image or a volume",
  ];
}
