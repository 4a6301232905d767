/**
 * A system actor as a process: a sidecar and its handler in one. `ASYA_ACTOR_NAME` says which,
 * and the settings are those of any sidecar, but for the default of `ASYA_CONCURRENCY`: an envelope
 * that waits for the store or the gateway should not hold up the others.
 */

import { SettingsError } from "@asya/config";
import { runSidecarProcess } from "@asya/sidecar";
import { CREW, CREW_CONCURRENCY } from "./actors.ts";
import { openResults, resultProblems } from "./open_results.ts";

if (import.meta.main) {
  const code = await runSidecarProcess({
    summary: `Runs a system actor (${Object.keys(CREW).join(", ")}), named by ASYA_ACTOR_NAME; ` +
      `ASYA_CONCURRENCY is ${CREW_CONCURRENCY} by default.`,
    env: {
      ASYA_IS_END_ACTOR: "true",
      ASYA_CONCURRENCY: Deno.env.get("ASYA_CONCURRENCY") || `${CREW_CONCURRENCY}`,
    },
    async handler(settings) {
      const { actor, concurrency } = settings;
      const make = CREW[actor];
      const problems = resultProblems(settings);
      if (make === undefined) {
        const known = Object.keys(CREW).join(", ");
        problems.unshift(`ASYA_ACTOR_NAME=${JSON.stringify(actor)}: expected one of ${known}`);
      }
      if (make === undefined || problems.length > 0) throw new SettingsError(problems);
      return make({ results: await openResults(settings), concurrency });
    },
  });
  Deno.exit(code);
}
