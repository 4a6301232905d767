/** The TypeScript files of the house. */

const LEFT_OUT = new Set(["node_modules", "coverage", "results", "fixtures"]);

/** Paths of all `.ts` files below a folder, without its prefix; hidden folders are left out. */
export async function* sourceFiles(folder = "."): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    if (entry.name.startsWith(".") || LEFT_OUT.has(entry.name)) continue;
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}
