/** Compiles AssemblyScript handlers to WASM, without any tool but this process. */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../digest.ts";
import type { CompileAnswer, CompileRequest } from "./compile_worker.ts";
import { SourceCodeError } from "./diagnostic.ts";
import { type Program, readProgram } from "./sources.ts";

/** The version of the compiler in the import map; a part of the cache's key. */
export const COMPILER_VERSION = "0.28.20";

const LIBRARY = new URL("../sdk/assemblyscript/asya.ts", import.meta.url);

/** A compilation that takes longer has gone wrong, in milliseconds. */
const LIMIT_MS = 120_000;

function pathOf(entry: string | URL): string {
  const isUrl = entry instanceof URL || entry.startsWith("file:");
  return isUrl ? fileURLToPath(entry) : entry;
}

async function compile(program: Program, library: string): Promise<Uint8Array<ArrayBuffer>> {
  const worker = new Worker(new URL("./compile_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: "none" },
  });
  const answered = Promise.withResolvers<CompileAnswer>();
  const stop = (message: string) => answered.reject(new SourceCodeError([{ message }]));
  const watchdog = setTimeout(() => stop("the compiler did not finish"), LIMIT_MS);
  worker.onmessage = ({ data }: MessageEvent<CompileAnswer>) => answered.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    stop(`the compiler failed: ${event.message}`);
  };
  try {
    const request: CompileRequest = { ...program, library };
    worker.postMessage(request);
    const answer = await answered.promise;
    if ("diagnostics" in answer) throw new SourceCodeError(answer.diagnostics);
    return answer.wasm;
  } finally {
    clearTimeout(watchdog);
    worker.terminate();
  }
}

/**
 * Compiles a handler and what it imports: files by relative paths, and the library `asya`.
 *
 * @param entry path or `file:` URL of the handler
 * @returns the module's bytes
 * @throws SourceCodeError when the source is wrong, Deno.errors.NotFound when it is missing
 */
export async function buildAssemblyScript(entry: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  return await compile(await readProgram(pathOf(entry)), await Deno.readTextFile(LIBRARY));
}

async function keyOf({ entry, files }: Program, library: string): Promise<string> {
  const text = JSON.stringify([COMPILER_VERSION, library, entry, [...files]]);
  return await sha256(new TextEncoder().encode(text));
}

/**
 * The same as {@linkcode buildAssemblyScript}, kept in a folder by the hash of all source files,
 * the library and the compiler's version.
 *
 * @throws as {@linkcode buildAssemblyScript}
 */
export async function cachedBuild(
  entry: string | URL,
  cacheDir: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const program = await readProgram(pathOf(entry));
  const library = await Deno.readTextFile(LIBRARY);
  const path = `${cacheDir}/${await keyOf(program, library)}.wasm`;
  const running = building.get(path) ?? readOrBuild(path, program, library);
  building.set(path, running);
  try {
    return await running;
  } finally {
    building.delete(path);
  }
}

/** Builds that run, by the path of what they make: actors that share a source share its build. */
const building = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

async function readOrBuild(
  path: string,
  program: Program,
  library: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const wasm = await compile(program, library);
  await Deno.mkdir(dirname(path), { recursive: true });
  // Written beside and renamed, so that nobody reads half a module.
  const unfinished = `${path}.${crypto.randomUUID()}`;
  await Deno.writeFile(unfinished, wasm);
  await Deno.rename(unfinished, path);
  return wasm;
}
