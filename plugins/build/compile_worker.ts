/**
 * Runs the AssemblyScript compiler in a thread of its own: it takes seconds and 200 MB, which end
 * with the thread. It needs no permissions; the files come with the request.
 */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import type { Diagnostic } from "./diagnostic.ts";
import process from "node:process";

/** What to compile. */
export interface CompileRequest {
  readonly entry: string;
  readonly files: ReadonlyMap<string, string>;
  /** The library that `import ... from "asya"` finds. */
  readonly library: string;
}

/** The module, or why there is none. */
export type CompileAnswer =
  | { readonly wasm: Uint8Array<ArrayBuffer> }
  | { readonly diagnostics: readonly Diagnostic[] };

/** The compiler's category of an error (others: pedantic, information, warning). */
const ERROR_CATEGORY = 3;

const LIBRARY = "asya/index";
const OUTPUT = "out.wasm";

function position(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

async function compile({ entry, files, library }: CompileRequest): Promise<CompileAnswer> {
  // The compiler looks for CI in the environment, which it may not read here.
  Object.defineProperty(process, "env", { value: {} });
  const { libraryFiles, main } = await import("assemblyscript/asc");
  libraryFiles[LIBRARY] = library;
  const diagnostics: Diagnostic[] = [];
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const usesLibrary = [...files.values()].some((text) => /["']asya["']/.test(text));
  const { error, stderr } = await main([
    entry,
    ...["--outFile", OUTPUT, "--optimizeLevel", "3", "--shrinkLevel", "1"],
    // Collects garbage by itself: a guest serves millions of calls.
    ...["--runtime", "incremental"],
    ...["--use", usesLibrary ? `abort=~lib/${LIBRARY}/abort` : "abort="],
  ], {
    readFile: (name) => files.get(name) ?? null,
    writeFile: (name, contents) => {
      if (name === OUTPUT && typeof contents !== "string") wasm = new Uint8Array(contents);
    },
    listFiles: () => [],
    reportDiagnostic: ({ message, category, range }) => {
      if (category !== ERROR_CATEGORY) return;
      const file = range?.source?.normalizedPath;
      const text = file === undefined ? undefined : files.get(file);
      const at = text === undefined ? {} : position(text, range!.start);
      diagnostics.push({ message, file, ...at });
    },
  });
  if (wasm && !error) return { wasm };
  if (diagnostics.length > 0) return { diagnostics };
  return { diagnostics: [{ message: error?.message ?? stderr.toString() }] };
}

self.onmessage = async ({ data }: MessageEvent<CompileRequest>) => {
  self.postMessage(await compile(data));
};
