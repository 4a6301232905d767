/** Picks up changed tools without a restart. */

import type { Logger } from "@asya/telemetry";
import { loadTools, toolFiles, ToolsError } from "./load.ts";
import type { ToolSet } from "./tool.ts";

/** How often the files are looked at; watching them would miss the links of a mounted ConfigMap. */
const INTERVAL_MS = 1_000;

/** Tools that follow their files. */
export interface WatchedTools {
  /** The tools of the newest files that had no mistake; a changed set is a new object. */
  readonly current: () => ToolSet;
  /** Why newer files are not in force: each mistake as `file:line:column: what`; mostly none. */
  readonly problems: () => readonly string[];
  /** Looks at once instead of waiting for the next turn. */
  refresh(): Promise<void>;
  /** Stops looking. */
  close(): void;
}

async function fingerprint(paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const name of (await Promise.all(paths.map(toolFiles))).flat()) {
    const { mtime, size, ino } = await Deno.stat(name);
    parts.push(`${name} ${mtime?.getTime()} ${size} ${ino}`);
  }
  return parts.join("\n");
}

/**
 * Loads tools and looks for changes once a second. Files with mistakes are reported in the log,
 * once, and leave the tools as they were.
 *
 * @throws ToolsError as `loadTools`, for the first load
 */
export async function watchTools(
  paths: readonly string[],
  log: Logger,
): Promise<WatchedTools> {
  let seen = await fingerprint(paths);
  let tools = await loadTools(...paths);
  let problems: readonly string[] = [];
  const look = async () => {
    let now = ""; // where they cannot even be listed, they are read once they can
    try {
      now = await fingerprint(paths); // before loading: a change while we read shows next time
      if (now === seen) return;
      tools = await loadTools(...paths);
      problems = [];
      log.info("tools loaded", { paths, tools: tools.size });
    } catch (error) {
      const found = error instanceof ToolsError ? error.problems : [String(error)];
      if (found.join("\n") !== problems.join("\n")) {
        log.error("the changed tools cannot be used, the old ones stay", {
          paths,
          problems: found,
        });
      }
      problems = found;
    } finally {
      seen = now;
    }
  };
  let looking: Promise<void> | undefined;
  const refresh = () =>
    looking ??= look().finally(() => {
      looking = undefined;
    });
  const timer = setInterval(refresh, INTERVAL_MS);
  return {
    current: () => tools,
    problems: () => problems,
    refresh,
    close: () => clearInterval(timer),
  };
}
