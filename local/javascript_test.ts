import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually, makeProject, resultOf, whileRunning, writeSource } from "./testing/project.ts";

function actor(name: string, handler: string, workload = ""): string {
  return `apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: ${name} }
spec:
  transport: rabbitmq
  workload:
    ${workload}
    template:
      spec:
        containers:
          - name: asya-runtime
            image: example.org/shout:1
            env:
              - { name: ASYA_HANDLER, value: "${handler}" }
---
`;
}

const SHOUT = `import { mark } from "./mark.ts";
import { twice } from "words";

export function process(payload: { text: string }): { text: string } {
  return { text: twice(payload.text.toUpperCase()) + mark };
}
`;

const CALM = `export class Calm {
  low({ text }) {
    return { text: text.toLowerCase(), node: globalThis.Deno === undefined };
  }
}
`;

Deno.test("startLocal() runs TypeScript under Deno and JavaScript under Node, and takes up an edit", async () => {
  await using project = await makeProject({
    "actors.yaml": actor("shout", "./src/shout.ts:process") +
      actor("calm", "calm.mjs:Calm.low", "pythonExecutable: node"),
    "src/shout.ts": SHOUT,
    "src/mark.ts": `export const mark = "!";\n`,
    "deno.json": `{ "imports": { "words": "./words.ts" } }`,
    "words.ts": "export const twice = (text: string) => text + text;\n",
    "calm.mjs": CALM,
  });
  const { dir } = project;
  await whileRunning(dir, async (local) => {
    await local.ready();
    const kinds = local.actors().map(({ name, kind }) => [name, kind]);
    assert.deepEqual(kinds.slice(0, 2).sort(), [["calm", "node"], ["shout", "deno"]]);
    const ask = async (route: string[]) => {
      const id = await local.send(route, `{"text":"Hm"}`);
      return await eventually(() => resultOf(local, id), `the result of ${route}`);
    };
    assert.deepEqual(await ask(["shout", "calm"]), { text: "hmhm!", node: true });
    await writeSource(join(dir, "src/mark.ts"), `export const mark = "?";\n`);
    await eventually(async () => (await ask(["shout"])).text === "HMHM?", "the edit is in force");
  });
});

Deno.test("startLocal() tells why a JavaScript handler does not start, in its own words", async () => {
  await using project = await makeProject({
    "actors.yaml": actor("shout", "./shout.mjs:proces"),
    "shout.mjs": "export const process = (payload) => payload;\n",
  });
  await whileRunning(project.dir, async (local) => {
    await assert.rejects(local.ready(), { code: "not_ready" });
    const { trouble } = local.actors().find(({ name }) => name === "shout")!;
    assert.match(trouble!, /ended with exit code 1/);
  });
});
