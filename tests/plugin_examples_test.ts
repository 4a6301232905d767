/** The plugins in `examples/plugins`: their cases, and the pipeline that some of them make. */

import assert from "node:assert/strict";
import { authoring } from "@asya/plugins";
import { parse, parseAllDocuments } from "yaml";
import { capture } from "../cli/testing/capture.ts";
import { runningIn } from "./running.ts";

const EXAMPLES = new URL("../examples/plugins/", import.meta.url).pathname;
const { findGo, ToolchainMissing } = await authoring();

/** What is built and kept stays behind: examples that are in use are not disturbed. */
const LEFT_OUT = new Set([".asya", "build"]);

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (LEFT_OUT.has(name)) continue;
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

async function withExamples(use: (dir: string) => Promise<void>): Promise<void> {
  const parent = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-examples-" }));
  try {
    await copy(EXAMPLES, `${parent}/plugins`);
    await use(`${parent}/plugins`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

async function withoutGo(): Promise<string | undefined> {
  try {
    await findGo();
    return undefined;
  } catch (error) {
    if (error instanceof ToolchainMissing) return error.tool;
    throw error;
  }
}

const PLUGINS: Readonly<Record<string, string | undefined>> = {
  chunker: await withoutGo(),
  renderer: undefined,
  router: undefined,
  validator: undefined,
};

for (const [name, tool] of Object.entries(PLUGINS)) {
  Deno.test({
    name: `plugin test passes for the example ${name}` +
      (tool === undefined ? "" : ` (here without ${tool})`),
    ignore: tool !== undefined,
    fn: () =>
      withExamples(async (dir) => {
        const { code, out, note } = await capture(["plugin", "test", `${dir}/${name}`]);
        assert.equal(code, 0, out + note);
        assert.match(note, /^\d+ passed\n$/, "no warnings");
      }),
  });
}

Deno.test("the actors of examples/plugins have the settings of their plugin.yaml", async () => {
  const text = await Deno.readTextFile(`${EXAMPLES}actors.yaml`);
  const actors = parseAllDocuments(text).map((document) => document.toJS());
  assert.equal(actors.length, 3);
  for (const { metadata: { name }, spec: { handler: { wasm } } } of actors) {
    const definition = parse(await Deno.readTextFile(`${EXAMPLES}${name}/plugin.yaml`));
    assert.deepEqual(
      { name, lang: "ts", ...wasm, module: wasm.module.file },
      { ...definition, module: `${name}/handler.ts` },
    );
  }
});

async function confirm(url: string, order: unknown): Promise<string> {
  const response = await fetch(`${url}/tools/call`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "confirm_order", arguments: order }),
  });
  const { content } = await response.json();
  return JSON.parse(content[0].text).envelope_id;
}

Deno.test("startLocal() routes, validates and renders what the tool of examples/plugins is given", () =>
  withExamples((dir) =>
    runningIn(dir, async ({ local, result, failed }) => {
      const items = [{ name: "<Tea>", count: 2 }];
      const good = await confirm(local.url, { id: "A-7", customer: "Ada", items });
      const bad = await confirm(local.url, { customer: "", items: [{ count: 1 }] });
      const draft = await confirm(local.url, { kind: "draft", customer: "", items: [] });

      const done = await result(good);
      assert.deepEqual(done.route.actors, ["router", "validator", "renderer"]);
      const { html } = JSON.parse(new TextDecoder().decode(done.payload));
      assert.equal(
        html,
        "<h1>Order A-7</h1>\n<p>Ada</p>\n<ul>\n  <li>2 x &lt;Tea&gt;</li>\n</ul>\n",
      );

      const { error, details } = await failed(bad);
      assert.equal(error, "processing_error");
      assert.equal(details["type"], "ValidationError");
      assert.equal(
        details["message"],
        "/ must have required properties id; /customer must not have fewer than 1 characters; " +
          "/items/0 must have required properties name",
      );

      assert.deepEqual((await result(draft)).route.actors, ["router", "renderer"]);
    })
  ));
