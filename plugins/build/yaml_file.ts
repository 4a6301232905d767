/** YAML (or JSON) files that people write: what is wrong with one is told with its place. */

import { type Document, isNode, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";

/** Larger files are a mistake, in bytes. */
const MAX_BYTES = 16 * 2 ** 20;

/** A file of a plugin is wrong; the message has one line `file:line:column: text` for each problem. */
export class PluginFileError extends Error {
  /** Always `PluginFileError`. */
  override readonly name = "PluginFileError";
  /** Always `invalid_file`. */
  readonly code = "invalid_file";
  /** Makes one of at least one problem. */
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** What was read: the checked value, and the document for what needs its text. */
export interface YamlFile<T> {
  readonly value: T;
  readonly document: Document.Parsed;
}

async function readText(path: string): Promise<string> {
  const { size } = await Deno.stat(path);
  if (size > MAX_BYTES) throw new PluginFileError([`${path}: more than ${MAX_BYTES} bytes`]);
  return await Deno.readTextFile(path);
}

/** The plain value. Aliases are resolved here, and limited in number. */
function plain(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    if (error instanceof ReferenceError) throw new PluginFileError([`${path}: ${error.message}`]);
    throw error;
  }
}

/** Where the nearest node of a path stands. */
function placeOf(document: Document.Parsed, path: readonly PropertyKey[], lines: LineCounter) {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]);
  }
  return { line: 1, col: 1 };
}

/** Each with the path that it is about. */
function problemsOf(issue: z.core.$ZodIssue): [path: PropertyKey[], text: string][] {
  const { path, message } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => [[...path, key], "is not known here"]);
  }
  return [[path, message]];
}

/**
 * Reads one and checks it.
 *
 * @throws PluginFileError; Deno.errors.NotFound
 */
export async function readYamlFile<T>(path: string, schema: z.ZodType<T>): Promise<YamlFile<T>> {
  const lines = new LineCounter();
  const document = parseDocument(await readText(path), { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new PluginFileError(document.errors.map(({ message, pos }) => {
      const { line, col } = lines.linePos(pos[0]);
      return `${path}:${line}:${col}: ${message}`;
    }));
  }
  const { data, error } = schema.safeParse(plain(document, path));
  if (error) {
    throw new PluginFileError(
      error.issues.flatMap(problemsOf).map(([where, text]) => {
        const { line, col } = placeOf(document, where, lines);
        const name = where.length > 0 ? `${where.join(".")}: ` : "";
        return `${path}:${line}:${col}: ${name}${text}`;
      }),
    );
  }
  return { value: data as T, document };
}
