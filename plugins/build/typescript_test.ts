import assert from "node:assert/strict";
import { callGuest, runScript, scriptGuest } from "../host/testdata/script_guest.ts";
import { splitScript } from "../host/script_stack.ts";
import { PluginError } from "../plugin.ts";
import { scriptOf } from "../script.ts";
import { SourceCodeError } from "./diagnostic.ts";
import { buildTypeScript } from "./typescript.ts";
import { withProgram } from "./testdata/program.ts";

async function scriptIn(path: string): Promise<string> {
  const module = await buildTypeScript(path);
  assert(WebAssembly.validate(module));
  return scriptOf(module)!;
}

const HANDLER = `import type { Context } from "asya/typescript";
import { twice } from "./lib/twice.ts";

interface Order { n: number }

export default function (order: Order, context: Context) {
  return { n: twice(order.n), attempt: context.attempt };
}
`;
const TWICE = `class TooSmall extends Error {}
export function twice(n: number): number {
  if (n < 0) throw new TooSmall("below zero");
  return n * 2;
}
`;

Deno.test("buildTypeScript() builds a handler of several files, and its types vanish", () =>
  withProgram({ "handler.ts": HANDLER, "lib/twice.ts": TWICE }, async (folder) => {
    const script = await scriptIn(`${folder}/handler.ts`);
    assert(!script.includes("asya/typescript"));
    assert.equal(await runScript(script, `{"n":21}`), `{"n":42,"attempt":1}`);
    const again = scriptOf(await buildTypeScript(new URL(`file://${folder}/handler.ts`)));
    assert.equal(again, script, "equal sources, equal bytes");
  }));

Deno.test("buildTypeScript() lets errors name the author's files and lines", () =>
  withProgram({ "handler.ts": HANDLER, "lib/twice.ts": TWICE }, async (folder) => {
    const script = await scriptIn(`${folder}/handler.ts`);
    assert(!script.includes(folder.slice(1)), "no path of this machine");
    const error = await runScript(script, `{"n":-1}`).catch((error) => error);
    assert(error instanceof PluginError);
    assert.equal(error.type, "TooSmall");
    assert.match(
      error.guestStack!,
      /at twice \(lib\/twice\.ts:3:\d+\)\nat .*\(handler\.ts:7:\d+\)$/,
    );
  }));

Deno.test("buildTypeScript() bundles packages by npm: and by names in deno.json or package.json", async () => {
  const handler = (specifier: string) =>
    `import mustache from "${specifier}";
    export default (view: unknown) => mustache.render("Hello {{name}}", view);`;
  const npm = "npm:mustache@4.2.0";
  const programs: Record<string, string>[] = [
    { "in/handler.ts": handler(npm) },
    { "in/handler.ts": handler("m"), "deno.json": `{"imports":{"m":"${npm}"}}` },
    {
      "in/handler.ts": handler("mustache"),
      "package.json": `{"dependencies":{"mustache":"4.2.0"}}`,
    },
    { "in/handler.js": handler(npm).replace(": unknown", "") },
  ];
  for (const program of programs) {
    await withProgram(program, async (folder) => {
      const script = await scriptIn(`${folder}/${Object.keys(program)[0]}`);
      assert.equal(await runScript(script, `{"name":"Ada"}`), `"Hello Ada"`);
      assert(script.includes("// npm:mustache/4.2.0/mustache.mjs\n"));
      const { sources } = JSON.parse(atob(splitScript(script).map!));
      assert.deepEqual(sources.toSorted(), [
        Object.keys(program)[0]!.replace("in/", ""),
        "npm:mustache/4.2.0/mustache.mjs",
      ]);
    });
  }
});

Deno.test("buildTypeScript() says where a source is wrong", () =>
  withProgram({
    "handler.ts": `import { one } from "./lib/one.ts";\nexport default () => one();`,
    "lib/one.ts": `export function one( {\n  return 1;\n}`,
  }, async (folder) => {
    await assert.rejects(buildTypeScript(`${folder}/handler.ts`), (error) => {
      assert(error instanceof SourceCodeError);
      assert.equal(error.code, "compile_error");
      const [{ file, line, message }] = error.diagnostics as [typeof error.diagnostics[0]];
      assert.deepEqual([file, line], ["lib/one.ts", 2]);
      assert.match(message, /^SyntaxError: /);
      assert(error.message.startsWith("lib/one.ts:2:"));
      return true;
    });
  }));

Deno.test("buildTypeScript() names each file, package or export that is missing", async () => {
  const files = {
    "handler.ts": `import { a } from "./gone.ts";\nimport b from "left-padding";\n` +
      `export default () => a + b;`,
    "export.ts": `import { z } from "./there.ts";\nexport default () => z;`,
    "there.ts": `export const a = 1;`,
  };
  await withProgram(files, async (folder) => {
    await assert.rejects(buildTypeScript(`${folder}/handler.ts`), {
      message: new RegExp(
        `^handler\\.ts:1:\\d+: Module not found "gone\\.ts"\\.\n` +
          `handler\\.ts:2:\\d+: Import "left-padding" not a dependency`,
      ),
    });
    await assert.rejects(buildTypeScript(`${folder}/export.ts`), {
      message: /^export\.ts:1:\d+: No matching export in "there\.ts" for import "z"$/,
    });
    await assert.rejects(buildTypeScript(`${folder}/none.ts`), Deno.errors.NotFound);
  });
});

Deno.test("buildTypeScript() leaves modules of a runtime to the load, which names them", () =>
  withProgram({
    "handler.ts":
      `import { readFileSync } from "node:fs";\nexport default () => readFileSync("x");`,
  }, async (folder) => {
    await assert.rejects(scriptGuest(await scriptIn(`${folder}/handler.ts`)), {
      code: "invalid_module",
      message: /imports "node:fs", which is not there/,
    });
  }));

Deno.test("the types of asya/typescript check an author's handler", async () => {
  const types = new URL("../sdk/typescript/asya.ts", import.meta.url).href;
  const good = `import type { Context, Envelope, Handler } from "asya/typescript";
    interface Order { n: number }
    export default (async (order, context) => {
      context.metric("seen", order.n, { kind: "a" });
      const before = context.state.get<number>("sum") ?? 0;
      context.state.set("sum", before + order.n);
      const reply = context.http({ url: "https://example.com", method: "POST", body: "{}" });
      await Promise.resolve();
      return reply.status === 200 ? [order, reply.json<Order>()] : null;
    }) satisfies Handler<Order, Order>;
    export function handle(envelope: Envelope<Order>, _: Context): Envelope<Order> {
      envelope.route.current++;
      return envelope;
    }`;
  const files = {
    "deno.json": JSON.stringify({ imports: { "asya/typescript": types } }),
    "good.ts": good,
    "bad.ts": `import type { Context } from "asya/typescript";
      export default (_: unknown, context: Context) => context.metrics("seen", 1);`,
  };
  await withProgram(files, async (folder) => {
    const check = (file: string) =>
      new Deno.Command(Deno.execPath(), { args: ["check", "--quiet", file], cwd: folder }).output();
    assert.equal((await check("good.ts")).code, 0);
    assert.equal((await check("bad.ts")).code, 1);
    const guest = await scriptGuest(await scriptIn(`${folder}/good.ts`));
    const envelope = `{"id":"e","route":{"actors":["a"],"current":0},"payload":{"n":1}}`;
    assert.equal(JSON.parse(callGuest(guest, envelope)).route.current, 1);
  });
});
