/** Tells TypeScript from AssemblyScript: both live in files called `.ts`. */

import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** What a handler's source is written in; JavaScript counts as TypeScript. */
export type HandlerLanguage = "assemblyscript" | "typescript";

/** A statement that imports the library of AssemblyScript handlers, also over several lines. */
const IMPORTS_LIBRARY = /^\s*(?:import|export)\b(?:[^;"'`]*\bfrom)?\s*["']asya["']/m;

/**
 * AssemblyScript is what lies in a folder called `assembly` or imports `"asya"`; all else is
 * TypeScript.
 *
 * @param entry path or `file:` URL of the handler
 * @throws Deno.errors.NotFound when it is missing
 */
export async function languageOf(entry: string | URL): Promise<HandlerLanguage> {
  const isUrl = entry instanceof URL || entry.startsWith("file:");
  const path = isUrl ? fileURLToPath(entry) : entry;
  const source = await Deno.readTextFile(path);
  if (basename(dirname(path)) === "assembly") return "assemblyscript";
  return IMPORTS_LIBRARY.test(source) ? "assemblyscript" : "typescript";
}
