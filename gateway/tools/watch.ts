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
  /** Looks at once instead of waiting for the next turn. */
  refresh(): Promise<void>;
  /** Stops looking. */
  close(): void;
}

async function fingerprint(path: string): Promise<string> {
  const parts: string[] = [];
  for (const name of await toolFiles(path)) {
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
export async function watchTools(path: string, log: Logger): Promise<WatchedTools> {
  let seen = await fingerprint(path);
  let tools = await loadTools(path);
  let trouble = "";
  const look = async () => {
    try {
      const now = await fingerprint(path);
      if (now === seen) return;
      seen = now; // before loading: a change while we read shows in the next turn
      tools = await loadTools(path);
      trouble = "";
      log.info("tools loaded", { path, tools: tools.size });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== trouble) {
        const problems = error instanceof ToolsError ? error.problems : [message];
        log.error("the changed tools cannot be used, the old ones stay", { path, problems });
      }
      trouble = message;
    }
  };
  let looking: Promise<void> | undefined;
  const refresh = () =>
    looking ??= look().finally(() => {
      looking = undefined;
    });
  const timer = setInterval(refresh, INTERVAL_MS);
  return { current: () => tools, refresh, close: () => clearInterval(timer) };
}
