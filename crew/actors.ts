/** The system actors: handlers that ship with the house. A new one is a file and a line here. */

import { functionHandler, type Handler } from "@asya/sidecar";
import { ResultFolder } from "./result_folder.ts";

/** What a system actor may be given. */
export interface CrewOptions {
  /** Folder for results and errors (`ASYA_RESULTS_DIR`). */
  readonly resultsDir: string;
  /** How many envelopes may be written at once; each waits for the disk. */
  readonly concurrency?: number;
}

/** Keeps the envelope; the sidecar then reports it as final and only after both acknowledges it. */
function endActor(actor: string) {
  return ({ resultsDir, concurrency = 8 }: CrewOptions): Handler => {
    const results = new ResultFolder(resultsDir);
    return functionHandler(concurrency, async ({ envelope }) => {
      await results.keep(actor, envelope);
      return { frames: [] };
    });
  };
}

/** Handler makers by the actor's name. */
export const CREW: Readonly<Record<string, (options: CrewOptions) => Handler>> = {
  /** Where finished envelopes end. */
  "happy-end": endActor("happy-end"),
  /** Where failed envelopes end, their payload replaced by the error. */
  "error-end": endActor("error-end"),
};
