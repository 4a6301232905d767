/**
 * A system actor as a process: a sidecar and its handler in one. `ASYA_ACTOR_NAME` says which,
 * and the settings are those of any sidecar.
 */

import { SettingsError } from "@asya/config";
import { runSidecarProcess } from "@asya/sidecar";
import { CREW } from "./actors.ts";

if (import.meta.main) {
  const code = await runSidecarProcess({
    summary: `Runs a system actor (${Object.keys(CREW).join(", ")}), named by ASYA_ACTOR_NAME.`,
    env: { ASYA_IS_END_ACTOR: "true" },
    handler({ actor, resultsDir }) {
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
      return make({ resultsDir });
    },
  });
  Deno.exit(code);
}
