import assert from "node:assert/strict";
import { PluginError } from "../plugin.ts";
import { ask, withPlugin } from "../host/testdata/with_plugin.ts";
import { buildAssemblyScript, cachedBuild } from "./assemblyscript.ts";
import { SourceCodeError } from "./diagnostic.ts";
import { withProgram } from "./testdata/program.ts";

/** Uses all of the library. */
const HANDLER = `
  import { config, fail, input, inputText, log, output, outputText, quote } from "asya";
  import { words } from "./lib/words";

  export function handle(): void {
    const text = inputText();
    if (text === '"bytes"') return output(input());
    if (text === '"settings"') return outputText(quote(config("greeting")! + " " + config("asya.id")!));
    if (text === '"missing"') return outputText(config("missing") === null ? "null" : "1");
    if (text === '"fail"') return fail('a "bad" \\n document', "my.BadDocument");
    if (text === '"throw"') throw new Error("thrown");
    if (text === '"bounds"') { words()[9]; return; }
    if (text === '"log"') { log.debug("d"); log.info("ä"); log.warn("w"); log.error("e"); return; }
    outputText('["' + words().join('","') + '"]');
  }`;
const WORDS = `export function words(): string[] { return ["grüße", "検査", "🎉"]; }`;

Deno.test("buildAssemblyScript() builds a handler of several files that uses the library", () =>
  withProgram({ "handler.ts": HANDLER, "lib/words.ts": WORDS }, async (folder) => {
    const module = await buildAssemblyScript(new URL(`file://${folder}/handler.ts`));
    assert(module.length < 20_000, `${module.length} bytes`);
    const lines: string[] = [];
    const options = {
      module,
      config: { greeting: "hej" },
      log: (level: string, message: string) => void lines.push(`${level} ${message}`),
    };
    await withPlugin("handle", async (plugin) => {
      assert.equal(await ask(plugin, "1"), '["grüße","検査","🎉"]');
      assert.equal(await ask(plugin, '"bytes"'), '"bytes"');
      assert.equal(await ask(plugin, '"settings"', { "asya.id": "id-1" }), '"hej id-1"');
      assert.equal(await ask(plugin, '"missing"'), "null");
      assert.equal(await ask(plugin, '"log"'), "");
      assert.deepEqual(lines, ["debug d", "info ä", "warn w", "error e"]);
      await assert.rejects(ask(plugin, '"fail"'), {
        code: "guest_error",
        type: "my.BadDocument",
        message: 'a "bad" \n document',
      });
      await assert.rejects(ask(plugin, '"throw"'), {
        code: "guest_error",
        message: /^thrown \(handler\.ts:11:/,
      });
      await assert.rejects(ask(plugin, '"bounds"'), {
        code: "guest_error",
        message: /^Index out of range \(/,
      });
    }, options);
  }));

Deno.test("buildAssemblyScript() makes guests that collect their garbage", async () => {
  const hungry = `import { inputText, outputText } from "asya";
    export function handle(): void { outputText(inputText().repeat(10_000).substring(0, 3)); }`;
  await withProgram({ "handler.ts": hungry }, async (folder) => {
    const module = await buildAssemblyScript(`${folder}/handler.ts`);
    await withPlugin("handle", async (plugin) => {
      // 200 MB in all, in 4 MB of memory.
      for (let i = 0; i < 2_000; i++) assert.equal(await ask(plugin, "abcde"), "abc");
    }, { module });
  });
});

Deno.test("buildAssemblyScript() says where a source is wrong", async () => {
  const files = {
    "handler.ts": `import { one } from "./lib/one";\nexport function handle(): void { one() }`,
    "lib/one.ts": `export function one(): i32 {\n  return "two";\n}`,
  };
  await withProgram(
    files,
    (folder) =>
      assert.rejects(buildAssemblyScript(`${folder}/handler.ts`), (error) => {
        assert(error instanceof SourceCodeError);
        assert.equal(error.code, "compile_error");
        assert.match(
          error.message,
          /^lib\/one\.ts:2:10: Type .*String' is not assignable to .*'i32'/,
        );
        const [first] = error.diagnostics;
        assert.deepEqual([first!.file, first!.line, first!.column], ["lib/one.ts", 2, 10]);
        return true;
      }),
  );
});

Deno.test("buildAssemblyScript() names a file or a package that is missing", async () => {
  const files = {
    "handler.ts": `import "asya";\nimport { x } from "./gone";\nimport { y } from "left-pad";
      export function handle(): void { x(); y(); }`,
  };
  await withProgram(files, async (folder) => {
    await assert.rejects(buildAssemblyScript(`${folder}/handler.ts`), {
      message: /^handler\.ts:2:19: File 'gone\.ts' not found\.\nhandler\.ts:3:19: .*left-pad/,
    });
    await assert.rejects(buildAssemblyScript(`${folder}/none.ts`), Deno.errors.NotFound);
  });
});

Deno.test("buildAssemblyScript() builds a handler that does without the library", async () => {
  const plain = `export function handle(): i32 { return [1, 2].indexOf(2) + 41; }`;
  await withProgram({ "handler.ts": plain }, async (folder) => {
    const module = await buildAssemblyScript(`${folder}/handler.ts`);
    await withPlugin("handle", async (plugin) => {
      await assert.rejects(ask(plugin), (error) => {
        assert(error instanceof PluginError);
        assert.equal(error.message, "handle() returned 42");
        return true;
      });
    }, { module });
  });
});

Deno.test("cachedBuild() builds once for all that ask meanwhile", async () => {
  const files = { "handler.ts": `export function handle(): i32 { return 0; }` };
  await withProgram(files, async (folder) => {
    const build = () => cachedBuild(`${folder}/handler.ts`, `${folder}/.cache`);
    const [first, ...others] = await Promise.all([build(), build(), build()]);
    for (const other of others) assert.equal(other, first);
  });
});

Deno.test("cachedBuild() builds again only when a source has changed", async () => {
  const plain = (n: number) => `export function n(): i32 { return ${n}; }`;
  const files = {
    "handler.ts": `import { n } from "./n"; export function handle(): i32 { return n(); }`,
    "n.ts": plain(1),
  };
  await withProgram(files, async (folder) => {
    const build = () => cachedBuild(`${folder}/handler.ts`, `${folder}/.cache/deep`);
    const built = async () => {
      const names = await Array.fromAsync(Deno.readDir(`${folder}/.cache/deep`));
      return names.map(({ name }) => name);
    };
    const first = await build();
    const [kept] = await built();
    const mark = new Date(1e12);
    await Deno.utime(`${folder}/.cache/deep/${kept}`, mark, mark);
    assert.deepEqual(await build(), first);
    assert.deepEqual(await built(), [kept]);
    assert.deepEqual((await Deno.stat(`${folder}/.cache/deep/${kept}`)).mtime, mark);
    await Deno.writeTextFile(`${folder}/n.ts`, plain(2));
    assert.notDeepEqual(await build(), first);
    assert.equal((await built()).length, 2);
  });
});
