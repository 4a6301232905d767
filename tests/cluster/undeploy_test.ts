/** The end: what goes, what stays, and that nothing else is left. */

import assert from "node:assert/strict";
import { kubectl } from "./kube.ts";
import { TEST_LABEL } from "./stage.ts";
import { clusterTest, FOUND, removed, SYSTEM } from "./system.ts";
import { until } from "./wait.ts";

async function names(...args: readonly string[]): Promise<string[]> {
  const said = await kubectl(["get", ...args, "--ignore-not-found", "-o", "name"]);
  return said.split("\n").filter((line) => line !== "").toSorted();
}

clusterTest("undeploy leaves data and the CRD, and --delete-data leaves nothing", async () => {
  if (FOUND) return; // it was there before, and stays
  await kubectl(["wait", "namespace", "-l", TEST_LABEL, "--for=delete", "--timeout=180s"], 190);
  await removed();
  const kept = await names("-n", SYSTEM, "persistentvolumeclaims,secrets");
  assert.ok(kept.some((name) => name.includes("rabbitmq")), "the broker's data");
  const crd = await names("customresourcedefinitions", "asyncactors.asya.sh");
  assert.deepEqual(crd, ["customresourcedefinition.apiextensions.k8s.io/asyncactors.asya.sh"]);
  const workloads =
    "deployments,statefulsets,services,pods,configmaps,networkpolicies,scaledobjects";
  let left: string[] = [];
  await until("the end of everything else", 90, async () => {
    const all = await names("-n", SYSTEM, workloads);
    left = all.filter((name) => !KUBERNETES.test(name));
    return left.length === 0; // pods take their grace
  }, { seen: () => left });
  const roles = await names(
    "clusterroles,clusterrolebindings",
    "-l",
    "app.kubernetes.io/name=asya",
  );
  assert.deepEqual(roles, []);

  await removed("--delete-data");
  assert.deepEqual(await names("-n", SYSTEM, "persistentvolumeclaims"), []);
  assert.deepEqual(await names("customresourcedefinitions", "asyncactors.asya.sh"), []);
  await kubectl(["delete", "namespace", SYSTEM, "--timeout=90s"], 100);
});

/** What every namespace has, and what is documented to stay. */
const KUBERNETES = /kube-root-ca\.crt|configmap\/asya-runtime$/;
