/** From parsed files to tools: shapes checked, names resolved, defaults applied. */

import type { z } from "zod";
import {
  actorList,
  defaultsEntry,
  toHook,
  toolEntry,
  toolsFile,
  toParameters,
} from "./file_schema.ts";
import type { Tool, ToolSet } from "./tool.ts";
import type { Path, YamlFile } from "./yaml_file.ts";

type Defaults = z.infer<typeof defaultsEntry>;

interface Contents {
  readonly defaults: Defaults;
  readonly routes: readonly [name: string, actors: unknown][];
  readonly tools: readonly unknown[];
}

/** One finding of the schema as one or more lines that point into the file. */
function describe(file: YamlFile, base: Path, issue: z.core.$ZodIssue): string[] {
  const path = [...base, ...issue.path as Path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => file.keyProblem(path, key, `unknown key "${key}"`));
  }
  if (issue.code === "invalid_key") {
    const message = issue.issues[0]?.message ?? issue.message;
    return [file.keyProblem(path.slice(0, -1), String(path.at(-1)), message)];
  }
  return [file.problem(path, issue.message)];
}

class Builder {
  readonly problems: string[] = [];
  readonly routes = new Map<string, readonly string[]>();
  readonly tools = new Map<string, Tool>();

  addRoute(file: YamlFile, name: string, actors: unknown): void {
    if (this.routes.has(name)) {
      this.problems.push(file.keyProblem(["routes"], name, `route "${name}" is there twice`));
    }
    this.routes.set(name, this.#check(file, ["routes", name], actorList, actors) ?? []);
  }

  addTool(file: YamlFile, index: number, raw: unknown, defaults: Defaults): void {
    const path = ["tools", index];
    const entry = this.#check(file, path, toolEntry, raw);
    // Name and route are looked at even where something else is wrong with the tool.
    const { name, route: to } = Object(raw) as { name?: unknown; route?: unknown };
    const route = this.#route(file, [...path, "route"], to);
    if (typeof name !== "string") return;
    if (this.tools.has(name)) {
      this.problems.push(file.problem([...path, "name"], `tool "${name}" is there twice`));
    }
    this.tools.set(name, {
      name,
      description: entry?.description || name,
      parameters: toParameters(entry?.parameters ?? {}),
      route,
      progress: entry?.progress ?? defaults.progress ?? true,
      timeout: entry?.timeout ?? defaults.timeout ?? 0,
      ...entry?.metadata ? { metadata: JSON.stringify(entry.metadata) } : {},
      ...entry?.examples?.length ? { examples: entry.examples } : {},
      ...entry?.hook ? { hook: toHook(entry.hook) } : {},
    });
  }

  /** The parts of a file that can be looked at on their own, whatever is wrong with the others. */
  read(file: YamlFile): Contents {
    this.#check(file, [], toolsFile, file.value);
    const { defaults, routes, tools } = Object(file.value) as Record<string, unknown>;
    return {
      defaults: defaultsEntry.safeParse(defaults).data ?? {},
      routes: typeof routes === "object" ? Object.entries(routes ?? {}) : [],
      tools: Array.isArray(tools) ? tools : [],
    };
  }

  #route(file: YamlFile, path: Path, route: unknown): readonly string[] {
    if (Array.isArray(route)) return this.#check(file, path, actorList, route) ?? [];
    if (typeof route !== "string") return []; // reported by the tool's schema
    const actors = this.routes.get(route);
    if (actors === undefined) {
      const known = [...this.routes.keys()].join(", ") || "none";
      this.problems.push(file.problem(path, `there is no route "${route}" (known: ${known})`));
    }
    return actors ?? [];
  }

  #check<T>(file: YamlFile, path: Path, schema: z.ZodType<T>, value: unknown): T | undefined {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    this.problems.push(...parsed.error.issues.flatMap((issue) => describe(file, path, issue)));
    return undefined;
  }
}

/** The tools of all files, and every mistake in them. Use the tools only where there is none. */
export function buildTools(
  files: readonly YamlFile[],
): { readonly tools: ToolSet; readonly problems: readonly string[] } {
  const builder = new Builder();
  const contents = files.map((file) => ({ file, ...builder.read(file) }));
  for (const { file, routes } of contents) { // all of them first: one may be in a later file
    for (const [name, actors] of routes) builder.addRoute(file, name, actors);
  }
  for (const { file, tools, defaults } of contents) {
    tools.forEach((raw, index) => builder.addTool(file, index, raw, defaults));
  }
  return builder;
}
