/**
 * Bundles TypeScript and JavaScript handlers, with what they import, into a module that holds one
 * script. The bundler is Deno's own (`deno bundle`), so imports resolve as the author's editor and
 * `deno check` resolve them.
 */

import { basename, dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { wrapScript } from "../script.ts";
import { type Diagnostic, SourceCodeError } from "./diagnostic.ts";

/** A bundle that takes longer has gone wrong, in milliseconds. */
const LIMIT_MS = 120_000;

const MAP_COMMENT = "\n//# sourceMappingURL=data:application/json;base64,";

/** `    at file:///handler.ts:3:14` */
const PLACE = /^\s+at (file:\/\/\S+?):(\d+):(\d+)$/m;

/**
 * Bundles a handler and what it imports: files by relative paths, packages by `npm:` or by the names
 * in a `deno.json` or `package.json` of its folder or one above. Types are not checked.
 *
 * @param entry path or `file:` URL of the handler
 * @returns the bytes of a module, as {@linkcode wrapScript} makes it
 * @throws SourceCodeError when the source is wrong, Deno.errors.NotFound when it is missing
 */
export async function buildTypeScript(entry: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const isUrl = entry instanceof URL || entry.startsWith("file:");
  const path = resolve(isUrl ? fileURLToPath(entry) : entry);
  await Deno.stat(path);
  const { success, stdout, stderr } = await bundle(path);
  const text = new TextDecoder();
  if (!success) throw new SourceCodeError(diagnosticsOf(text.decode(stderr), dirname(path)));
  return wrapScript(tidy(text.decode(stdout)));
}

/** In the author's folder, so that their settings are found and never ours. */
async function bundle(path: string): Promise<Deno.CommandOutput> {
  const args = ["bundle", "--quiet", "--platform", "browser", "--sourcemap", "inline"];
  const child = new Deno.Command(Deno.execPath(), {
    // Packages come from the cache: nothing is written into the folder but its own lock file.
    args: [...args, "--node-modules-dir=none", `./${basename(path)}`],
    cwd: dirname(path),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const watchdog = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, LIMIT_MS);
  try {
    const output = await child.output();
    if (late) throw new SourceCodeError([{ message: "the bundler did not finish" }]);
    return output;
  } finally {
    clearTimeout(watchdog);
  }
}

/** Its report is made of `error: ...` with a place below, code frames and notes in between. */
function diagnosticsOf(report: string, folder: string): Diagnostic[] {
  const found = report.split(/^error: /m).slice(1)
    .filter((part) => !part.startsWith("bundling failed"))
    .map((part): Diagnostic => {
      const [head, causes] = part.split(/^Stack backtrace:/m)[0]!.split(/^Caused by:\n/m);
      const first = head!.split("\n")[0]!.trim();
      const cause = causes?.split("\n").find((line) => line.trim() !== "")?.trim();
      const message = shorten(cause === undefined ? first : `${first}: ${cause}`, folder);
      const place = PLACE.exec(part);
      if (!place) return { message };
      const file = relative(folder, fileURLToPath(place[1]!));
      return { message, file, line: Number(place[2]), column: Number(place[3]) };
    });
  return found.length > 0 ? found : [{ message: report.trim() || "the bundler failed" }];
}

/** Paths as the author writes them. */
function shorten(message: string, folder: string): string {
  return message.replaceAll(/file:\/\/[^\s"']+/g, (url) => relative(folder, fileURLToPath(url)));
}

interface SourceMap {
  sources: string[];
  sourcesContent?: unknown;
}

/** Leaves the sources' text out, and where the cache of packages lies: equal sources, equal bytes. */
function tidy(script: string): string {
  const start = script.lastIndexOf(MAP_COMMENT);
  if (start < 0) return script;
  const map: SourceMap = JSON.parse(fromBase64(script.slice(start + MAP_COMMENT.length).trim()));
  const cached = map.sources.filter((source) => publicName(source) !== source);
  const names = new Map(cached.map((source) => [`// ${source}`, `// ${publicName(source)}`]));
  const code = script.slice(0, start).split("\n").map((line) => names.get(line) ?? line).join("\n");
  delete map.sourcesContent;
  map.sources = map.sources.map(publicName);
  return code + MAP_COMMENT + toBase64(JSON.stringify(map)) + "\n";
}

/** `../../.cache/deno/npm/registry.npmjs.org/mustache/4.2.0/x.mjs` is `npm:mustache/4.2.0/x.mjs`. */
function publicName(source: string): string {
  return source.replace(/^(?:\.\.\/|\/).*\/npm\/[^/]+\//, "npm:");
}

function fromBase64(text: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(text));
}

function toBase64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
