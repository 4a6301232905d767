/** Reads the tools from YAML files and folders of them; all mistakes are reported at once. */

import { buildTools } from "./build.ts";
import type { ToolSet } from "./tool.ts";
import { YamlFile } from "./yaml_file.ts";

const MAX_FILES = 1_000;
const MAX_FILE_BYTES = 2 ** 20;

/** The tools cannot be used; the message has every mistake as `file:line:column: what`. */
export class ToolsError extends Error {
  /** The class's name. */
  override readonly name = "ToolsError";
  /** Stable, for programs. */
  readonly code = "invalid_tools";
  /** Of every mistake as `file:line:column: what`. */
  constructor(readonly problems: readonly string[], options?: ErrorOptions) {
    const count = problems.length === 1 ? "1 mistake" : `${problems.length} mistakes`;
    super(`${count} in the tools:\n${problems.map((p) => `  - ${p}`).join("\n")}`, options);
  }
}

/**
 * The files behind a path, sorted by name. In a folder: `*.yaml` and `*.yml`; names with a dot in
 * front are left out (a mounted ConfigMap has some).
 *
 * @throws ToolsError where there is no such file or folder
 */
export async function toolFiles(path: string): Promise<string[]> {
  try {
    if (!(await Deno.stat(path)).isDirectory) return [path];
    const names: string[] = [];
    for await (const { name } of Deno.readDir(path)) {
      if (/^[^.].*\.ya?ml$/.test(name)) names.push(name);
    }
    if (names.length > MAX_FILES) throw new ToolsError([`${path}: more than ${MAX_FILES} files`]);
    return names.sort().map((name) => `${path}/${name}`);
  } catch (cause) {
    if (cause instanceof ToolsError) throw cause;
    throw new ToolsError([`${path}: cannot be read: ${String(cause)}`], { cause });
  }
}

async function readText(name: string): Promise<string> {
  const bytes = await Deno.readFile(name);
  if (bytes.length > MAX_FILE_BYTES) throw new RangeError(`more than ${MAX_FILE_BYTES} bytes`);
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/**
 * Reads and checks tools.
 *
 * @param paths YAML files, and folders of them: their routes are shared, `defaults` are each file's
 * own
 * @throws ToolsError with every mistake in every file
 */
export async function loadTools(...paths: readonly string[]): Promise<ToolSet> {
  const problems: string[] = [];
  const files: YamlFile[] = [];
  for (const name of (await Promise.all(paths.map(toolFiles))).flat()) {
    let text: string;
    try {
      text = await readText(name);
    } catch (error) {
      problems.push(`${name}:1:1: cannot be read: ${String(error)}`);
      continue;
    }
    const file = new YamlFile(name, text);
    problems.push(...file.syntaxProblems);
    if (file.syntaxProblems.length === 0) files.push(file);
  }
  const built = buildTools(files);
  if (problems.length > 0 || built.problems.length > 0) {
    throw new ToolsError([...problems, ...built.problems]);
  }
  return built.tools;
}
