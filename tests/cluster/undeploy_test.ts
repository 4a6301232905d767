/** The end: what goes, what stays, and that nothing else is left. */

import assert from "node:assert/strict";
import { Broker } from "./broker.ts";
import { exampleFolder, gateway, place, results, SECTIONS } from "./folder.ts";
import { kubectl } from "./kube.ts";
import { TEST_LABEL } from "./stage.ts";
import {
  clusterTest,
  deployed,
  ENFORCE,
  enforce,
  FOUND,
  installedTag,
  removed,
  SYSTEM,
} from "./system.ts";
import { since, until } from "./wait.ts";

async function withBroker<T>(use: (broker: Broker) => Promise<T>): Promise<T> {
  await using broker = await Broker.open();
  return await use(broker);
}

async function names(...args: readonly string[]): Promise<string[]> {
  const said = await kubectl(["get", ...args, "--ignore-not-found", "-o", "name"]);
  return said.split("\n").filter((line) => line !== "").toSorted();
}

/**
 * The whole system, with everything that it can have, where Pod Security forbids most, and an example
 * in a namespace of that kind. The volumes have their owners from before; a new cluster's storage has
 * to honour fsGroup.
 */
async function deployRestricted(tag: string): Promise<void> {
  await enforce("restricted");
  const began = performance.now();
  await deployed(tag, "--profile", "full", "--set", "podSecurity=restricted");
  console.log(`restricted: the system was deployed in ${since(began)} s`);
  await using folder = await exampleFolder();
  await using cluster = await place(folder.dir, { [ENFORCE]: "restricted" });
  const { code, out, note } = await cluster.deploy();
  assert.equal(code, 0, out + note);
  await using forward = await gateway();
  assert.equal((await results(forward.url)).length, SECTIONS);
}

clusterTest(
  "undeploy leaves data, which a restricted system takes up, and --delete-data leaves nothing",
  async () => {
    if (FOUND) return; // it was there before, and stays
    const tag = await installedTag();
    const kept = `kept-${crypto.randomUUID().slice(0, 6)}`;
    const ids = await withBroker(async (broker) => {
      await broker.sink(kept);
      return await broker.send([kept], 1);
    });
    await kubectl(["wait", "namespace", "-l", TEST_LABEL, "--for=delete", "--timeout=180s"], 190);
    await removed();
    const data = await names("-n", SYSTEM, "persistentvolumeclaims,secrets");
    assert.ok(data.some((name) => name.includes("rabbitmq")), "the broker's data");
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

    await deployRestricted(tag);
    const arrived = await withBroker((broker) => broker.collect(kept, 1, 30));
    assert.deepEqual([...arrived.keys()], ids, "the message that waited");

    await removed("--delete-data");
    assert.deepEqual(await names("-n", SYSTEM, "persistentvolumeclaims"), []);
    assert.deepEqual(await names("customresourcedefinitions", "asyncactors.asya.sh"), []);
    await kubectl(["delete", "namespace", SYSTEM, "--timeout=90s"], 100);
  },
);

/** What every namespace has, and what is documented to stay. */
const KUBERNETES = /kube-root-ca\.crt|configmap\/asya-runtime$/;
