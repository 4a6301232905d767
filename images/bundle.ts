/**
 * Makes what an image runs: a few JavaScript files without any dependency, from the entries of the
 * programs that it holds. `deno run -A images/bundle.ts FOLDER PROGRAM...`
 */

import { dirname, join, relative } from "node:path";

/** A program that an image may hold, by the word that starts it. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  sidecar: "sidecar/main.ts",
  crew: "crew/main.ts",
  gateway: "gateway/main.ts",
  operator: "operator/main.ts",
  send: "images/send.ts",
};

/** Scripts that code starts as workers, by the words it calls them with. */
export const WORKERS: Readonly<Record<string, string>> = {
  'new URL("./worker.ts",import.meta.url)': "plugins/host/worker.ts",
};

/** What stands in a script of ours but is never run in an image: the authoring of plugins. */
const AUTHORING = [
  'new URL("../sdk/typescript/asya.ts",import.meta.url)',
  'new URL("../sdk/assemblyscript/asya.ts",import.meta.url)',
  'new URL("../templates",import.meta.url)',
  'new URL("./compile_worker.ts",import.meta.url)',
];

/** What a bundle says where a package asks for a module of Node's by `require`; esbuild's words. */
const NO_REQUIRE = "Error('Dynamic require of \"'";

/** Packages written for Node find Node's modules again; only bundles in one piece have this. */
const REQUIRE =
  'import{createRequire}from"node:module";const require=createRequire(import.meta.url);';

/** A script refers to a file that would not be where it looks for it. */
export class BundleError extends Error {
  override readonly name = "BundleError";
  readonly code = "bundle";
}

/**
 * Points a bundled script's references at the files that are there (a worker's source is called by
 * the path of its bundle), and gives it the `require` that its packages count on.
 *
 * @param path the script's path from the folder of bundles
 * @throws BundleError for a reference that nobody has thought of
 */
export function mendBundle(path: string, script: string): string {
  const up = "../".repeat(path.split("/").length - 1) || "./";
  const pointed = script.replaceAll(/new URL\("\.[^"]*",import\.meta\.url\)/g, (reference) => {
    const worker = WORKERS[reference];
    if (worker !== undefined) {
      return `new URL("${up}${worker.replace(/\.ts$/, ".js")}",import.meta.url)`;
    }
    if (AUTHORING.includes(reference)) return reference;
    throw new BundleError(
      `${path}: ${reference} will not be found in an image; ` +
        "name its file in images/bundle.ts, or import it as text",
    );
  });
  return pointed.includes(NO_REQUIRE) ? REQUIRE + pointed : pointed;
}

async function bundle(folder: string, entries: readonly string[]): Promise<void> {
  // The folders that all entries have in common are left out of their bundles' paths.
  const out = entries.length === 1 ? join(folder, dirname(entries[0]!)) : folder;
  const args = ["bundle", "--minify", "--code-splitting", "--outdir", out];
  const root = new URL("..", import.meta.url);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, ...entries],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code === 0) return;
  const said = new TextDecoder().decode(stderr).trim();
  throw new BundleError(`deno bundle ended with ${code}: ${said}`);
}

async function scripts(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) found.push(...await scripts(path));
    else found.push(path);
  }
  return found;
}

/**
 * Bundles programs into a new folder.
 *
 * @throws BundleError when one cannot be bundled; Deno.errors.AlreadyExists for a folder that is there
 */
export async function bundlePrograms(folder: string, programs: readonly string[]): Promise<void> {
  const entries = programs.map((program) => {
    const entry = PROGRAMS[program];
    if (entry === undefined) throw new BundleError(`there is no program ${program}`);
    return entry;
  });
  const runsPlugins = programs.some((program) => program === "sidecar" || program === "crew");
  await bundleScripts(folder, [...entries, ...runsPlugins ? Object.values(WORKERS) : []]);
}

/**
 * Bundles scripts of this repository, by their paths from its root, into a new folder.
 *
 * @throws as {@linkcode bundlePrograms}
 */
export async function bundleScripts(folder: string, entries: readonly string[]): Promise<void> {
  await Deno.mkdir(folder);
  await bundle(folder, entries);
  for (const path of await scripts(folder)) {
    const script = await Deno.readTextFile(path);
    const mended = mendBundle(relative(folder, path), script);
    if (mended !== script) await Deno.writeTextFile(path, mended);
  }
}

if (import.meta.main) {
  const [folder, ...programs] = Deno.args;
  if (folder === undefined || programs.length === 0) {
    console.error(`usage: bundle.ts FOLDER ${Object.keys(PROGRAMS).join("|")}...`);
    Deno.exit(2);
  }
  await bundlePrograms(folder, programs);
}
