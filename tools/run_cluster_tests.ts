/**
 * The tests on a real cluster: the one that KUBECONFIG names. They run the operator beside it, render
 * the chart, build the images, install the system, use it, harm it and remove it.
 * `deno task test:cluster [FILTER...]`.
 */

import { startTestServices } from "./services/mod.ts";
import { startRabbitmq } from "./services/rabbitmq.ts";
import { runTests, stopCode, stopped } from "./test_run.ts";

const PATIENCE_MS = 15_000;

/** The operator as a process comes first: two operators in one set of namespaces would disagree. */
const ALL = Deno.env.has("ASYA_TEST_INSTALLED")
  ? ["tests/chart/", "tests/cluster/"]
  : ["operator/main_test.ts", "tests/chart/", "tests/cluster/"];

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

Deno.exit(await run());

async function run(): Promise<number> {
  const reason = await noCluster();
  if (reason !== undefined) {
    console.log(`without a cluster: ${reason}`);
    console.log("0 passed, 0 failed, 1 skipped");
    return 0;
  }
  await using services = await startTestServices([
    { name: "RabbitMQ", variable: "ASYA_TEST_RABBITMQ_URL", start: startRabbitmq },
  ]);
  if (stopped.aborted) return stopCode();
  const env = { ASYA_TEST_KUBECONFIG: Deno.env.get("KUBECONFIG")!, ...services.env };
  return await runTests(Deno.args.length > 0 ? Deno.args : ALL, env, services.skipped);
}
