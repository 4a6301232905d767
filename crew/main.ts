/**
 * A system actor as a process: a sidecar and its handler in one. `ASYA_ACTOR_NAME` says which,
 * and the settings are those of any sidecar, but for the default of `ASYA_CONCURRENCY`: an envelope
 * that waits for the disk or the gateway should not hold up the others.
 */

import { SettingsError } from "@asya/config";
import { runSidecarProcess } from "@asya/sidecar";
import { CREW } from "./actors.ts";

const CONCURRENCY = "8";

if (import.meta.main) {
  const code = await runSidecarProcess({
    summary: `Runs a system actor (${Object.keys(CREW).join(", ")}), named by ASYA_ACTOR_NAME; ` +
      `ASYA_CONCURRENCY is ${CONCURRENCY} by default.`,
    env: {
      ASYA_IS_END_ACTOR: "true",
      ASYA_CONCURRENCY: Deno.env.get("ASYA_CONCURRENCY") || CONCURRENCY,
    },
    handler({ actor, resultsDir, concurrency }) {
      const make = CREW[actor];
      const problems: string[] = [];
      if (!make) {
        const known = Object.keys(CREW).join(", ");
        problems.push(`ASYA_ACTOR_NAME=${JSON.stringify(actor)}: expected one of ${known}`);
      }
      if (resultsDir === undefined) {
        problems.push("ASYA_RESULTS_DIR is not set: the folder that results are written to");
      }
      if (!make || resultsDir === undefined) throw new SettingsError(problems);
      return make({ resultsDir, concurrency });
    },
  });
  Deno.exit(code);
}
