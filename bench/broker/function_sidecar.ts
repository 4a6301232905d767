/** A sidecar whose handler is a function in the same process that gives the payload back. */

import { functionHandler, runSidecarProcess } from "@asya/sidecar";

if (import.meta.main) {
  const code = await runSidecarProcess({
    summary: "A sidecar around nothing.",
    handler: ({ concurrency, endActor }) =>
      functionHandler(
        concurrency,
        ({ envelope: { payload } }) => Promise.resolve({ frames: endActor ? [] : [{ payload }] }),
      ),
  });
  Deno.exit(code);
}
