/** YAML files to manifests. Every mistake of every file is reported at once, each with its line. */

import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from "yaml";
import type { z } from "zod";
import { type AsyncActor, asyncActorSchema } from "./actor.ts";
import { check } from "./check.ts";
import { closest } from "./closest.ts";
import { configMapSchema, type KeyedFiles, keyedFiles, secretSchema } from "./keyed.ts";
import { ManifestError, type Problem } from "./problem.ts";
import { type Complaint, crossFieldComplaints, type Path } from "./rules.ts";
import { withoutNulls } from "./without_nulls.ts";

/** A YAML file as read. */
export interface ManifestFile {
  /** How it is named in messages; also what relative paths inside it start from. */
  readonly path: string;
  /** Its content. */
  readonly text: string;
}

/** A manifest and where it stands. */
export interface Located<T> {
  /** The path that the file was given with. */
  readonly file: string;
  /** Line of the document's first field, from 1. */
  readonly line: number;
  /** The manifest. */
  readonly value: T;
}

/** A document that is none of ours; `kind` is absent where it has none (e.g. a tools file). */
export interface OtherDocument {
  /** What it says it is. */
  readonly kind?: string;
  /** The document as plain values. */
  readonly value: unknown;
}

/** All manifests of some files, checked. */
export interface Manifests {
  /** Each name once. */
  readonly actors: readonly Located<AsyncActor>[];
  /** Each name once. */
  readonly configMaps: readonly Located<KeyedFiles>[];
  /** Each name once. */
  readonly secrets: readonly Located<KeyedFiles>[];
  /** In the order of the files. */
  readonly others: readonly Located<OtherDocument>[];
}

/** A larger file is not a manifest. */
const MAX_CHARACTERS = 4 << 20;

/** The offset of the deepest part of `path` that the document has. */
function offsetOf(document: Document, path: Path, at: "key" | "value"): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? node.range?.[0] ?? 0 : 0;
  for (const [i, part] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String(item.key) === String(part));
      if (!pair) break;
      const key = (pair.key as Node).range?.[0] ?? offset;
      // A group of fields is best pointed at by its name.
      const text = at === "value" && i === path.length - 1 && isScalar(pair.value);
      offset = text ? (pair.value as Node).range?.[0] ?? key : key;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      if (!isNode(node)) break;
      offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

interface Collector {
  readonly problems: Problem[];
  readonly actors: Located<AsyncActor>[];
  readonly configMaps: Located<KeyedFiles>[];
  readonly secrets: Located<KeyedFiles>[];
  readonly others: Located<OtherDocument>[];
}

const KINDS = ["AsyncActor", "ConfigMap", "Secret"];

class FileReader {
  readonly #lines = new LineCounter();
  readonly #file: string;
  readonly #into: Collector;

  constructor(file: string, into: Collector) {
    this.#file = file;
    this.#into = into;
  }

  read(text: string): void {
    const documents = parseAllDocuments(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      merge: true,
    });
    if ("empty" in documents) return;
    for (const document of documents) this.#document(document, text);
  }

  #problem(offset: number, message: string, fix: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.#into.problems.push({ file: this.#file, line, column: col, message, fix });
  }

  #located<T>(document: Document, value: T): Located<T> {
    const { line } = this.#lines.linePos(offsetOf(document, [], "value"));
    return { file: this.#file, line, value };
  }

  #document(document: Document, text: string): void {
    if (document.errors.length > 0) {
      // One slip in the syntax makes several errors; the first one is where it happened.
      const first = document.errors[0]!;
      const message = first.message.replace(/\.$/, "");
      // The place may be the white space before the word.
      const offset = first.pos[0] + text.slice(first.pos[0]).search(/\S|$/);
      this.#problem(offset, `this is no YAML: ${message}`, "check indentation and quotes");
      return;
    }
    let raw: unknown;
    try {
      raw = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      this.#problem(0, `${error.message}`, "write the values out instead of YAML aliases");
      return;
    }
    const value = withoutNulls(raw);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    const { kind, apiVersion } = value as Record<string, unknown>;
    const named = typeof kind === "string" ? kind : undefined;
    switch (named) {
      case "AsyncActor":
        return this.#actor(document, value);
      case "ConfigMap":
      case "Secret": {
        const schema = named === "ConfigMap" ? configMapSchema : secretSchema;
        const read = this.#checked(document, schema, value);
        if (!read) return;
        const target = named === "ConfigMap" ? this.#into.configMaps : this.#into.secrets;
        target.push(this.#located(document, keyedFiles(read)));
        return;
      }
    }
    if (typeof apiVersion === "string" && apiVersion.startsWith("asya.sh/")) {
      const offset = offsetOf(document, ["kind"], "value");
      const message = named ? `there is no kind ${named} in ${apiVersion}` : "kind is missing";
      const near = closest(named ?? "", KINDS);
      this.#problem(offset, message, near ? `did you mean ${near}?` : "write kind: AsyncActor");
      return;
    }
    const near = named === undefined ? undefined : closest(named, KINDS);
    if (near !== undefined && (apiVersion === undefined || apiVersion === "v1")) {
      const offset = offsetOf(document, ["kind"], "value");
      this.#problem(offset, `there is no kind ${named}`, `did you mean ${near}?`);
      return;
    }
    const other = named === undefined ? { value } : { kind: named, value };
    this.#into.others.push(this.#located(document, other));
  }

  #actor(document: Document, value: unknown): void {
    const actor = this.#checked(document, asyncActorSchema, value, crossFieldComplaints(value));
    if (!actor) return;
    this.#into.actors.push(this.#located(document, actor));
  }

  #checked<T>(
    document: Document,
    schema: z.ZodType<T>,
    value: unknown,
    more: readonly Complaint[] = [],
  ): T | undefined {
    const result = check(schema, value);
    const complaints = [...result.complaints, ...more];
    for (const { path, at, message, fix } of complaints) {
      this.#problem(offsetOf(document, path, at ?? "value"), message, fix);
    }
    return complaints.length === 0 ? result.value : undefined;
  }
}

function duplicates(found: readonly Located<{ name: string }>[], what: string): Problem[] {
  const first = new Map<string, Located<{ name: string }>>();
  return found.flatMap((item) => {
    const { name } = item.value;
    const earlier = first.get(name);
    if (!earlier) {
      first.set(name, item);
      return [];
    }
    const message = `a second ${what} is called ${name}`;
    const fix = `rename or remove it: the first one is at ${earlier.file}:${earlier.line}`;
    return [{ file: item.file, line: item.line, column: 1, message, fix }];
  });
}

/**
 * Reads multi-document YAML files: AsyncActors, ConfigMaps and Secrets are checked, documents of
 * other kinds are handed back as they are, empty ones are skipped.
 *
 * @throws ManifestError with every mistake of every file
 *
 * @example
 * ```ts
 * import { ManifestError, parseManifests } from "@asya/manifest";
 * const text = [
 *   "apiVersion: asya.sh/v1alpha1",
 *   "kind: AsyncActor",
 *   "metadata: { name: greeter }",
 *   "spec:",
 *   "  transport: rabbitmq",
 *   "  handler: { python: { path: greet.hello } }",
 * ].join("\n");
 * const { actors } = parseManifests([{ path: "greeter.yaml", text }]);
 * if (actors[0]?.value.spec.timeout.processing !== 300) throw new Error("no default");
 * try {
 *   parseManifests([{ path: "greeter.yaml", text: text.replace("transport", "transprot") }]);
 * } catch (error) {
 *   if (!(error instanceof ManifestError)) throw error;
 *   if (error.problems[0]?.fix !== "did you mean transport?") throw error;
 * }
 * ```
 */
export function parseManifests(files: readonly ManifestFile[]): Manifests {
  const into: Collector = { problems: [], actors: [], configMaps: [], secrets: [], others: [] };
  for (const { path, text } of files) {
    if (text.length > MAX_CHARACTERS) {
      const message = `the file has ${text.length} characters, at most ${MAX_CHARACTERS} are read`;
      const fix = "split it, or move it out of this folder";
      into.problems.push({ file: path, line: 1, column: 1, message, fix });
      continue;
    }
    new FileReader(path, into).read(text);
  }
  const named = into.actors.map((item) => ({ ...item, value: item.value.metadata }));
  into.problems.push(
    ...duplicates(named, "AsyncActor"),
    ...duplicates(into.configMaps, "ConfigMap"),
    ...duplicates(into.secrets, "Secret"),
  );
  if (into.problems.length > 0) {
    const order = new Map(files.map(({ path }, i) => [path, i]));
    throw new ManifestError(
      into.problems.toSorted((a, b) =>
        order.get(a.file)! - order.get(b.file)! || a.line - b.line || a.column - b.column
      ),
    );
  }
  const { actors, configMaps, secrets, others } = into;
  return { actors, configMaps, secrets, others };
}
