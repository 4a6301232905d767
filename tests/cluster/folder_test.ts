/** The same folder by `dev` and by `asya deploy`: the same call gives the same result. */

import assert from "node:assert/strict";
import { capture } from "../../cli/testing/capture.ts";
import { project } from "../project.ts";
import { runningIn } from "../running.ts";
import { kubectl } from "./kube.ts";
import { TEST_LABEL } from "./stage.ts";
import { clusterTest, SYSTEM } from "./system.ts";
import { since, startBeside, until } from "./wait.ts";

const EXAMPLE = new URL("../../examples/documents/", import.meta.url);

/** One of its sections goes by all four actors. */
const DOCUMENT = `# Hello
Nothing to see.
# Contacts
Write to ada@example.com or call +1 555 010 9999.
# Keys
sk-abcdefghijklmnopqrstuvwxyz012345 and AKIAABCDEFGHIJKLMNOP, for bob@example.org
`;
const SECTIONS = 3;

/** A copy, which keeps the example free of `.asya` and may be changed. */
async function copied() {
  const files: Record<string, string> = {};
  const read = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, EXAMPLE))) {
      if (name.startsWith(".")) continue;
      if (isDirectory) await read(`${folder}${name}/`);
      else files[folder + name] = await Deno.readTextFile(new URL(folder + name, EXAMPLE));
    }
  };
  await read("./");
  return await project(files);
}

/** A namespace of the test's own; what was deployed into it is taken off first. */
async function place(dir: string) {
  const namespace = `asya-test-${crypto.randomUUID().slice(0, 6)}`;
  const metadata = { name: namespace, labels: { [TEST_LABEL]: "yes" } };
  const object = { apiVersion: "v1", kind: "Namespace", metadata };
  await kubectl(["create", "-f", "-"], 60, JSON.stringify(object));
  const at = [dir, "--namespace", namespace, "--system", SYSTEM];
  return {
    namespace,
    deploy: () => capture(["deploy", ...at, "--wait", "3m"]),
    undeploy: () => capture(["undeploy", ...at]),
    async [Symbol.asyncDispose]() {
      await capture(["undeploy", ...at]);
      await kubectl(["delete", "namespace", namespace, "--wait=false"]);
    },
  };
}

/** Calls the folder's tool, and reads what came of every section. */
async function results(url: string): Promise<unknown[]> {
  const args = ["doc=note", `text=${DOCUMENT}`, "--wait", "--json", "--url", url];
  const called = await capture(["call", "screen_document", ...args]);
  assert.equal(called.code, 0, called.note);
  const { id } = JSON.parse(called.out);
  const ids = [id, ...Array.from({ length: SECTIONS - 1 }, (_, n) => `${id}-${n + 1}`)];
  return await Promise.all(ids.map((one) =>
    until(`the result of ${one}`, 60, async () => {
      const response = await fetch(`${url}/envelopes/${one}`);
      const { status, result } = await response.json();
      assert.notEqual(status, "failed");
      return status === "succeeded" && result;
    })
  ));
}

function gateway() {
  const forward = ["kubectl", "-n", SYSTEM, "port-forward", "svc/asya-gateway", ":http"];
  return startBeside(forward, /127\.0\.0\.1:(\d+) /);
}

async function podUids(namespace: string): Promise<string[]> {
  const path = "jsonpath={range .items[*]}{.metadata.uid} {end}";
  const said = await kubectl(["-n", namespace, "get", "pods", "-o", path]);
  return said.trim().split(" ").toSorted();
}

clusterTest("asya deploy runs the folder that dev runs, with the same results", async () => {
  await using folder = await copied();
  let local: unknown[] = [];
  await runningIn(folder.dir, async ({ local: { url } }) => {
    local = await results(url);
  });
  assert.equal(local.filter((result) => "review" in (result as object)).length, 1);

  await using cluster = await place(folder.dir);
  const began = performance.now();
  const first = await cluster.deploy();
  assert.equal(first.code, 0, first.out + first.note);
  console.log(`folder with 4 actors and a tool: deployed and ready in ${since(began)} s`);
  await using forward = await gateway();
  const url = `http://127.0.0.1:${forward.said[1]}`;
  assert.deepEqual(await results(url), local);

  const pods = await podUids(cluster.namespace);
  const again = await cluster.deploy();
  assert.equal(again.code, 0, again.out + again.note);
  assert.deepEqual(await podUids(cluster.namespace), pods, "nothing has changed");

  const path = `${folder.dir}/review.py`;
  const changed = (await Deno.readTextFile(path)).replace("rotate the keys", "burn the keys");
  await Deno.writeTextFile(path, changed);
  const third = await cluster.deploy();
  assert.equal(third.code, 0, third.out + third.note);
  assert.match(JSON.stringify(await results(url)), /burn the keys/);

  const gone = await cluster.undeploy();
  assert.equal(gone.code, 0, gone.note);
  const names = ["get", "asya,configmaps", "-l", "asya.sh/folder", "-o", "name"];
  assert.equal(await kubectl(["-n", cluster.namespace, ...names]), "");
  const tools = ["get", "configmap", "asya-gateway-tools", "-o", "jsonpath={.data}"];
  assert.ok(!(await kubectl(["-n", SYSTEM, ...tools])).includes(cluster.namespace));
});

clusterTest("asya deploy says which actor is not ready and why, with its last lines", async () => {
  const name = `broken-${crypto.randomUUID().slice(0, 6)}`;
  await using folder = await project({
    "actors/actor.yaml": "{apiVersion: asya.sh/v1alpha1, kind: AsyncActor, " +
      `metadata: {name: ${name}}, ` +
      "spec: {transport: rabbitmq, handler: {python: {path: work.main.run}}}}",
    "actors/work/main.py": "from .words import WORDS\nraise RuntimeError(WORDS)\n",
    "actors/work/words.py":
      'from pathlib import Path\nWORDS = Path("work/words.txt").read_text()\n',
    "actors/work/words.txt": "no model here",
  });
  await using cluster = await place(`${folder.dir}/actors`);
  const { code, out, note } = await cluster.deploy();
  assert.equal(code, 1, out);
  assert.match(note, new RegExp(`${name}: RuntimeError: pod .*asya-runtime.*no model here`));
  assert.match(out, /last lines of .*asya-runtime:\n(.*\n)* {2}RuntimeError: no model here/);

  await Deno.writeTextFile(`${folder.dir}/actors/work/main.py`, "def run(p):\n    return p\n");
  const mended = await cluster.deploy();
  assert.equal(mended.code, 0, mended.out + mended.note);
});
