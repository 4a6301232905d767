/** `deno task deploy` on a system that is there: it looks, repeats itself, and mends. */

import assert from "node:assert/strict";
import { Kube, kubectl } from "./kube.ts";
import { Stage } from "./stage.ts";
import { clusterTest, deployAgain, SYSTEM } from "./system.ts";
import { since } from "./wait.ts";

const CRD = "customresourcedefinition/asyncactors.asya.sh";

/** Ids of the system's pods, which a needless restart would change. */
async function pods(): Promise<string[]> {
  await using kube = await Kube.open();
  const found = await kube.list(SYSTEM, "pods");
  return found.filter(({ status }) => status.phase === "Running").map(({ metadata }) =>
    metadata.uid
  )
    .toSorted();
}

function revision(): Promise<string> {
  return kubectl(["-n", SYSTEM, "get", "secrets", "-l", "owner=helm", "-o", "name"]);
}

clusterTest("deploy --dry-run prints what would be done, and does nothing", async () => {
  const before = await revision();
  const said = await deployAgain("--dry-run");
  assert.match(said, /helm .*upgrade asya /);
  assert.match(said, /kind: Deployment/);
  assert.equal(await revision(), before);
});

clusterTest("deploy a second time restarts nothing, and brings a changed CRD back", async () => {
  await using stage = await Stage.open();
  const name = stage.named("kept");
  await stage.apply(stage.wasm(name));
  await stage.becomes(name, "Running");
  const [pod] = await stage.pods(name);
  const before = await pods();
  const path = "/spec/versions/0/additionalPrinterColumns";
  await kubectl(["patch", CRD, "--type=json", "-p", JSON.stringify([{ op: "remove", path }])]);
  const began = performance.now();
  const said = await deployAgain();
  assert.match(said, /an envelope went by the gateway through an actor and back/);
  console.log(`deploy again: ${since(began)} s`);
  assert.deepEqual(await pods(), before);
  const columns = [
    "get",
    CRD,
    "-o",
    "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}",
  ];
  assert.match(await kubectl(columns), /Last-Scale/);
  assert.equal((await stage.pods(name))[0]?.metadata.uid, pod!.metadata.uid);
});
