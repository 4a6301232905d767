/** The pipeline in a process that the demo can kill: prints one JSON line when it is ready. */

import { startLocal } from "@asya/local";
import { PIPELINE } from "./pipeline.ts";

const local = await startLocal({ dir: PIPELINE, port: 0 });
await local.ready(120_000);
const pids = Object.fromEntries(local.actors().map(({ name, pid }) => [name, pid]));
console.log(JSON.stringify({ url: local.url, resultsDir: local.resultsDir, pids }));
Deno.addSignalListener("SIGTERM", async () => {
  await local.stop();
  Deno.exit(0);
});
