/** A folder as a whole: everything that it declares, planned for this machine or refused with every reason. */

import { SettingsError } from "@asya/config";
import { readSidecarSettings, type SidecarSettings } from "@asya/sidecar";
import { LocalError } from "./error.ts";
import { type Folder, readFolder, shownPath } from "./folder.ts";
import { type ActorPlan, fingerprint, planActor, type Surroundings } from "./plan.ts";

/** An actor that can be started. */
export interface PlannedActor {
  readonly plan: ActorPlan;
  readonly settings: SidecarSettings;
  /** Differs when a restart is needed. */
  readonly print: string;
}

/** What a folder asks for. */
export interface Project {
  readonly actors: ReadonlyMap<string, PlannedActor>;
  /** Absolute paths of the tools files. */
  readonly tools: readonly string[];
}

function planAll(folder: Folder, around: Surroundings): Map<string, PlannedActor> {
  const problems: string[] = [];
  const actors = new Map<string, PlannedActor>();
  for (const located of folder.manifests.actors) {
    const { file, line, value } = located;
    try {
      const plan = planActor(located, folder.manifests, around);
      const settings = readSidecarSettings(plan.sidecarEnv);
      actors.set(plan.name, { plan, settings, print: fingerprint(plan) });
    } catch (error) {
      if (error instanceof LocalError) problems.push(error.message);
      else if (error instanceof SettingsError) {
        const where = `${file}:${line}: sidecar of ${value.metadata.name}`;
        problems.push(...error.problems.map((problem) => `${where}: ${problem}`));
      } else throw error;
    }
  }
  if (problems.length > 0) throw new LocalError("wrong_plan", problems.join("\n"));
  return actors;
}

/**
 * Reads and plans a folder.
 *
 * @throws ManifestError; LocalError `no_folder`, `no_actors`, `wrong_plan`; each names every mistake
 */
export async function readProject(around: Surroundings): Promise<Project> {
  const folder = await readFolder(around.dir);
  if (folder.manifests.actors.length === 0) {
    const message = `${shownPath(around.dir)} holds no AsyncActor: ` +
      "write one, or start with examples/hello";
    throw new LocalError("no_actors", message);
  }
  return { actors: planAll(folder, around), tools: folder.tools };
}
