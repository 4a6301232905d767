/** `asya plugin build`: from a plugin's folder to its module. */

import { relative } from "node:path";
import { authoring, type BuiltPlugin, sha256 } from "@asya/plugins";
import type { Io } from "../command.ts";

/** How a size reads. */
export function bytesText(bytes: number): string {
  return `${bytes.toLocaleString("en-US")} bytes`;
}

/** The module's path as one would type it here. */
export function shownPath(path: string): string {
  const near = relative(Deno.cwd(), path);
  return near.startsWith("..") ? path : near;
}

/** Tells what the compiler said beside the module that it made. */
export function tellNotes({ notes }: BuiltPlugin, io: Io): void {
  if (notes !== "") io.note(notes);
}

/** Builds the folder's module and says what it is. */
export async function buildCommand(dir: string, io: Io): Promise<number> {
  const { buildPlugin } = await authoring();
  const built = await buildPlugin(dir, io.interrupted);
  tellNotes(built, io);
  io.out(`${shownPath(built.path)}  ${bytesText(built.module.length)}`);
  io.out(`sha256 ${await sha256(built.module)}`);
  return 0;
}
