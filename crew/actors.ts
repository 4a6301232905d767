/** The system actors: handlers that ship with the house. A new one is a file and a line here. */

import { functionHandler, type Handler } from "@asya/sidecar";
import { ResultFolder } from "./result_folder.ts";
import type { ResultStore } from "./result_store.ts";

/**
 * How many envelopes are kept at once where nobody says otherwise: each waits for a disk or a
 * bucket most of its time, and syncs that come together share the work.
 */
export const CREW_CONCURRENCY = 32;

/** What a system actor may be given: where results and errors go, a folder or any other store. */
export type CrewOptions =
  & ({ readonly resultsDir: string } | { readonly results: ResultStore })
  & {
    /** How many envelopes may be written at once. Default {@linkcode CREW_CONCURRENCY}. */
    readonly concurrency?: number;
  };

/** Keeps the envelope; the sidecar then reports it as final and only after both acknowledges it. */
function endActor(actor: string) {
  return (options: CrewOptions): Handler => {
    const { concurrency = CREW_CONCURRENCY } = options;
    const store = "results" in options ? options.results : new ResultFolder(options.resultsDir);
    const handler = functionHandler(concurrency, async ({ envelope, signal }) => {
      await store.keep(actor, envelope, signal);
      return { frames: [] };
    });
    return {
      ...handler,
      async close() {
        await handler.close();
        store.close();
      },
    };
  };
}

/** Handler makers by the actor's name. */
export const CREW: Readonly<Record<string, (options: CrewOptions) => Handler>> = {
  /** Where finished envelopes end. */
  "happy-end": endActor("happy-end"),
  /** Where failed envelopes end, their payload replaced by the error. */
  "error-end": endActor("error-end"),
};
