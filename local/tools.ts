/** The tools of a folder: every file with a `tools:` list, together. */

import { loadTools, type Tool, ToolsError, type ToolSet } from "@asya/gateway";
import { LocalError } from "./error.ts";
import { shownPath } from "./folder.ts";

/**
 * Reads all tools files.
 *
 * @throws LocalError `wrong_tools` with every mistake in every file
 */
export async function readTools(paths: readonly string[]): Promise<ToolSet> {
  const problems: string[] = [];
  const tools = new Map<string, Tool>();
  for (const path of paths.map(shownPath)) {
    try {
      for (const [name, tool] of await loadTools(path)) {
        if (tools.has(name)) problems.push(`${path}: a second tool is called ${name}`);
        tools.set(name, tool);
      }
    } catch (error) {
      if (!(error instanceof ToolsError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new LocalError("wrong_tools", problems.join("\n"));
  return tools;
}

/** Actors in the tools' routes that nobody declares: calls of those tools would fail. */
export function missingActors(tools: ToolSet, actors: ReadonlySet<string>): string[] {
  return [...tools.values()].flatMap(({ name, route }) =>
    route.filter((actor) => !actors.has(actor)).map((actor) =>
      `tool ${name} goes to actor ${actor}, which is not in this folder`
    )
  );
}
