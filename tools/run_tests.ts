/**
 * All tests that can run on this machine, on servers and compilers that it has or gets, and one
 * closing line that counts them. `deno task test [FILTER...]`: the arguments go to `deno test`.
 * Those that need a cluster are `deno task test:cluster`.
 */

import { startTestServices } from "./services/mod.ts";
import { installToolchains } from "./services/toolchains.ts";
import { runTests, stopCode, stopped } from "./test_run.ts";

Deno.exit(await run());

async function run(): Promise<number> {
  const compilers = installToolchains();
  await using services = await startTestServices();
  const missing = [...services.skipped, ...await compilers];
  if (stopped.aborted) return stopCode();
  const env = { DENO_JOBS: Deno.env.get("DENO_JOBS") ?? "2", ...services.env };
  return await runTests(["--parallel", "--ignore=tests/cluster", ...Deno.args], env, missing);
}
