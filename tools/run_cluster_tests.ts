/**
 * The tests on a real cluster: the one that KUBECONFIG names. They build the images, install the
 * system, use it, harm it and remove it. `deno task test:cluster [FILTER...]`.
 */

import { runTests } from "./test_run.ts";

const PATIENCE_MS = 15_000;

/** Why there is no cluster to test on; undefined where there is one. */
async function noCluster(): Promise<string | undefined> {
  for (const [tool, ...args] of [["helm", "version"], ["kubectl", "version"]] as const) {
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const { success, stderr } = await new Deno.Command(tool, { args, signal }).output();
      if (!success) return `${tool}: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return `${tool} is not on PATH`;
      throw error;
    }
  }
  return Deno.env.has("KUBECONFIG")
    ? undefined
    : "KUBECONFIG is not set; it names the cluster that the tests may do anything to";
}

const reason = await noCluster();
if (reason !== undefined) {
  console.log(`without a cluster: ${reason}`);
  console.log("0 passed, 0 failed, 1 skipped");
  Deno.exit(0);
}
const filter = Deno.args.length > 0 ? Deno.args : ["tests/cluster/"];
Deno.exit(await runTests(filter, { ASYA_TEST_KUBECONFIG: Deno.env.get("KUBECONFIG")! }, []));
