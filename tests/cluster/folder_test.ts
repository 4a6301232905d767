/** The same folder by `dev` and by `asya deploy`: the same call gives the same result. */

import assert from "node:assert/strict";
import { capture } from "../../cli/testing/capture.ts";
import { project } from "../project.ts";
import { runningIn } from "../running.ts";
import { exampleFolder, gateway, place, results } from "./folder.ts";
import { kubectl } from "./kube.ts";
import { clusterTest, SYSTEM } from "./system.ts";
import { since } from "./wait.ts";

async function podUids(namespace: string): Promise<string[]> {
  const path = "jsonpath={range .items[*]}{.metadata.uid} {end}";
  const said = await kubectl(["-n", namespace, "get", "pods", "-o", path]);
  return said.trim().split(" ").toSorted();
}

clusterTest("asya deploy runs the folder that dev runs, with the same results", async () => {
  await using folder = await exampleFolder();
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
  const { url } = forward;
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

/** TypeScript with an import map, as `dev` takes it. */
const SHOUT = {
  "actors.yaml": `apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: NAME, annotations: { asya.sh/local-path: . } }
spec:
  transport: rabbitmq
  workload:
    template:
      spec:
        containers:
          - name: asya-runtime
            image: denoland/deno:2.9.6
            env: [{ name: ASYA_HANDLER, value: "./src/shout.ts:process" }]
`,
  "tools.yaml": `tools:
  - name: TOOL
    description: Says it louder
    parameters: { text: { type: string, description: What, required: true } }
    route: [NAME]
`,
  "deno.json": `{ "imports": { "words": "./words.ts" } }`,
  "words.ts": "export const twice = (text: string): string => text + text;\n",
  "src/mark.ts": `export const mark: string = "!";\n`,
  "src/shout.ts": `import { mark } from "./mark.ts";
import { twice } from "words";

export function process({ text }: { text: string }): { text: string } {
  return { text: twice(text.toUpperCase()) + mark };
}
`,
};

clusterTest("asya deploy runs a handler in TypeScript, import map and all", async () => {
  const id = crypto.randomUUID().slice(0, 6);
  const named = (text: string) =>
    text.replaceAll("NAME", `shout-${id}`).replaceAll("TOOL", `shout_${id}`);
  const files = Object.entries(SHOUT).map(([path, text]) => [path, named(text)]);
  await using folder = await project(Object.fromEntries(files));
  await using cluster = await place(folder.dir);
  const { code, out, note } = await cluster.deploy();
  assert.equal(code, 0, out + note);
  await using forward = await gateway();
  const at = ["--wait", "--json", "--url", forward.url];
  const called = await capture(["call", `shout_${id}`, "text=hm", ...at]);
  assert.equal(called.code, 0, called.note);
  assert.deepEqual(JSON.parse(called.out).result, { text: "HMHM!" });
});
