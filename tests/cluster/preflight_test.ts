/** What `deno task deploy` refuses to begin. */

import assert from "node:assert/strict";
import { runTool } from "@asya/deploy";
import { kubectl } from "./kube.ts";
import { TEST_LABEL } from "./stage.ts";
import { clusterTest, SYSTEM, taskCommand } from "./system.ts";

/** A kubeconfig for the current cluster by which one is a service account. */
async function kubeconfigOf(namespace: string, account: string): Promise<string> {
  const token = (await kubectl(["-n", namespace, "create", "token", account])).trim();
  const config = JSON.parse(await kubectl(["config", "view", "--raw", "--minify", "-o", "json"]));
  const users = [{ name: config.users[0].name, user: { token } }];
  const file = await Deno.makeTempFile({ prefix: "asya-kubeconfig-", suffix: ".json" });
  await Deno.writeTextFile(file, JSON.stringify({ ...config, users }));
  return file;
}

clusterTest(
  "deploy tells a user with few rights all that is lacking, and how to get it",
  async () => {
    const namespace = `asya-test-${crypto.randomUUID().slice(0, 6)}`;
    const metadata = { name: namespace, labels: { [TEST_LABEL]: "yes" } };
    await using cleanup = new AsyncDisposableStack();
    const object = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata });
    await kubectl(["create", "-f", "-"], 60, object);
    cleanup.defer(async () => {
      await kubectl(["delete", "namespace", namespace, "--wait=false"]);
    });
    await kubectl(["-n", namespace, "create", "serviceaccount", "guest"]);
    const file = await kubeconfigOf(namespace, "guest");
    cleanup.defer(() => Deno.remove(file));

    const command = taskCommand("deploy", "--dry-run", "--namespace", namespace);
    const env = ["env", `KUBECONFIG=${file}`];
    const { code, out, err } = await runTool([...env, ...command], { timeoutMs: 90_000 });
    assert.equal(code, 1, out);
    assert.match(err, /3 problems to mend first; nothing was changed/);
    const problems = out.split("\n").filter((line) => line.startsWith("  no  "));
    assert.equal(problems.length, 3, out);
    assert.match(
      problems[0]!,
      /in the cluster you may not create, patch customresourcedefinitions/,
    );
    assert.match(problems[1]!, new RegExp(`in namespace ${namespace} you may not .*deployments`));
    assert.match(problems[2]!, /whether it is installed: .*secrets is forbidden/);
    assert.match(out, /ok {2}KEDA/);
    const [, mend] = /\n +(kubectl -n \S+ create role asya-deploy [^;]*);/.exec(out)!;
    await kubectl([...mend!.split(" ").slice(1), "--dry-run=server"]); // it can be typed as it is
  },
);

clusterTest("deploy refuses a second operator for the namespaces of the first", async () => {
  const command = taskCommand("deploy", "--dry-run", "--namespace", "asya-second");
  const { code, out } = await runTool(command, { timeoutMs: 90_000 });
  assert.equal(code, 1, out);
  const problem = new RegExp(`no {2}the operator in namespace ${SYSTEM} looks after actors in all`);
  assert.match(out, problem);
  assert.match(out, /watchNamespaces=/);
});
