/** Takes up what changes in the folder while it runs; what is wrong is told and leaves all as it was. */

import type { ToolSet } from "@asya/gateway";
import { ManifestError } from "@asya/manifest";
import { dirname } from "node:path";
import { LocalError } from "./error.ts";
import type { Fleet } from "./fleet.ts";
import { foldersUnder, shownPath } from "./folder.ts";
import type { Surroundings } from "./plan.ts";
import { type Project, readProject } from "./project.ts";
import type { Screen } from "./screen.ts";
import { SourceWatch } from "./source_watch.ts";
import { missingActors, readTools } from "./tools.ts";

/** What it acts on. */
export interface ReloaderOptions {
  readonly around: Surroundings;
  readonly fleet: Fleet;
  readonly screen: Screen;
  /** Puts another set of tools in force. */
  readonly useTools: (tools: ToolSet) => void;
}

/** Watches from its first `follow` on. */
export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #watch = new SourceWatch((paths) => {
    this.#work = this.#work.then(() => this.#changed(paths)).catch((error: unknown) => {
      this.#complain(error);
    });
  });
  #work: Promise<void> = Promise.resolve();
  #project: Project | undefined;
  #closed = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  /** Watches what this project is made of. */
  async follow(project: Project): Promise<void> {
    this.#project = project;
    const { dir, state } = this.#options.around;
    const roots = [dir];
    for (const { plan: { handler } } of project.actors.values()) {
      const folders = handler.kind !== "wasm" ? handler.code : [dirname(handler.file)];
      // What lies under `.asya` was written by us.
      roots.push(...folders.filter((folder) => !folder.startsWith(state.root)));
    }
    const folders = await Promise.all([...new Set(roots)].map(foldersUnder));
    this.#watch.follow(folders.flat());
  }

  /** Resolves when what was begun is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    await this.#work;
  }

  async #changed(paths: ReadonlySet<string>): Promise<void> {
    if (this.#closed) return;
    const { fleet } = this.#options;
    const restarted = new Set<string>();
    if ([...paths].some((path) => !path.endsWith(".py"))) {
      for (const name of await this.#manifestsChanged()) restarted.add(name);
    }
    const code = new Set([...paths].filter((path) => !/\.ya?ml$/.test(path)));
    const names = fleet.codeChanged(code).filter((name) => !restarted.has(name));
    if (names.length > 0) {
      const files = [...code].map(shownPath).join(", ");
      this.#options.screen.line(`${files} changed: ${names.join(", ")} reloads`, { style: "dim" });
    }
    // New folders and new code paths are to be watched as well.
    await this.follow(this.#project!);
  }

  /** @returns the actors that start anew */
  async #manifestsChanged(): Promise<readonly string[]> {
    const { around, fleet, screen, useTools } = this.#options;
    try {
      const project = await readProject(around);
      const tools = await readTools(project.tools);
      this.#project = project;
      const applied = fleet.apply(project);
      useTools(tools);
      for (const line of missingActors(tools, applied.actors)) {
        screen.line(line, { style: "yellow" });
      }
      const { started, restarted, stopped } = applied;
      for (const [what, names] of Object.entries({ started, restarted, stopped })) {
        if (names.length > 0) screen.line(`${names.join(", ")} ${what}`, { style: "dim" });
      }
      return [...started, ...restarted];
    } catch (error) {
      if (!(error instanceof ManifestError || error instanceof LocalError)) throw error;
      this.#complain(error);
      return [];
    }
  }

  #complain(error: unknown): void {
    const { screen } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    screen.line("not reloaded, all goes on as before:", { style: "red" });
    for (const line of message.split("\n")) screen.line(`  ${line}`, { style: "red" });
  }
}
