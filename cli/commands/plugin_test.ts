import assert from "node:assert/strict";
import { authoring, type PluginLanguage } from "@asya/plugins";
import { capture } from "../testing/capture.ts";

const { findClang, findGo, ToolchainMissing } = await authoring();

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "asya-plugin-" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Why a language cannot be built here; undefined where it can. */
async function missing(find: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await find();
    return undefined;
  } catch (error) {
    if (error instanceof ToolchainMissing) return error.tool;
    throw error;
  }
}

const LANGUAGES: readonly (readonly [PluginLanguage, string | undefined])[] = [
  ["as", undefined],
  ["ts", undefined],
  ["c", await missing(findClang)],
  ["go", await missing(findGo)],
];

for (const [lang, tool] of LANGUAGES) {
  const name = `plugin new, build, test and inspect work for ${lang}`;
  const without = tool === undefined ? "" : ` (here without ${tool})`;
  Deno.test({
    name: name + without,
    ignore: tool !== undefined,
    fn: () =>
      withFolder(async (parent) => {
        const dir = `${parent}/summary`;
        const made = await capture(["plugin", "new", "summary", "--lang", lang, "--dir", parent]);
        assert.equal(made.code, 0, made.note);
        assert.match(made.out, new RegExp(`^${dir}/cases/min-length\\.yaml$`, "m"));
        assert.equal(
          made.note,
          `next: asya plugin build ${dir}\n      asya plugin test ${dir}\n`,
        );

        const built = await capture(["plugin", "build", dir]);
        assert.equal(built.code, 0, built.note);
        assert.equal(built.note, "", "no warnings");
        assert.match(built.out, /build\/summary\.wasm {2}[0-9,]+ bytes\nsha256 [0-9a-f]{64}\n$/);

        const tested = await capture(["plugin", "test", dir]);
        assert.equal(tested.code, 0, tested.out + tested.note);
        assert.match(tested.out, /^ok {5}counts-words .* ms$/m);
        assert.equal(tested.note, "3 passed\n");

        const inspected = await capture(["plugin", "inspect", `${dir}/build/summary.wasm`]);
        assert.equal(inspected.code, 0, inspected.out);
        assert.match(inspected.out, /^ {2}read its settings: those of its actor/m);
        assert.match(inspected.out, /\nproblems\n {2}none\n$/);
        const sha256 = /sha256 +([0-9a-f]{64})/;
        assert.equal(sha256.exec(inspected.out)![1], sha256.exec(built.out)![1]);
      }),
  });
}

Deno.test("plugin new for ts gives the author types, wherever the folder is", () =>
  withFolder(async (parent) => {
    const { out } = await capture(["plugin", "new", "a", "--lang", "ts", "--dir", parent]);
    assert.match(out, /^.*\/a\/asya\.ts$/m);
    const check = async () => {
      const args = ["check", "--quiet", "handler.ts"];
      const env = { NO_COLOR: "1" };
      const child = new Deno.Command(Deno.execPath(), { args, cwd: `${parent}/a`, env });
      const { code, stderr } = await child.output();
      return { code, said: new TextDecoder().decode(stderr) };
    };
    assert.equal((await check()).code, 0);
    const handler = `${parent}/a/handler.ts`;
    const source = await Deno.readTextFile(handler);
    await Deno.writeTextFile(handler, source.replace("context.config", "context.confg"));
    const { code, said } = await check();
    assert.equal(code, 1);
    assert.match(said, /Property 'confg' does not exist on type 'Context'/);
  }));

const STUBBORN = `import { config, fail, inputText, log, outputText } from "asya";
export function handle(): void {
  const text = inputText();
  if (text === '"fail"') return fail("it failed", "my.Error");
  if (text === '"spin"') for (;;) {}
  if (text === '"config"') return outputText('["' + config("a")! + config("asya.attempt")! + '"]');
  if (text === '"nothing"') return;
  log.info("saw " + text);
  outputText(text);
}`;

const CASES = {
  "array.yaml": "input: [1, 2.0]\noutputs: [1, 2]",
  "config.json": '{"input": "config", "config": {"a": 7}, "attempt": 3, "output": "73"}',
  "exact.yaml": "input: {a: 1.50}\noutput: {a: 1.5}\nexact: true",
  "nothing.yaml": "input: nothing\nnothing: true",
  "slow.yaml": "input: spin\nerror: {}",
  "type.yaml": "input: fail\nerror: {type: my.Other, message: it failed}",
  "wrong.yaml": "input: {a: [1, {b: x}]}\noutput: {a: [1, {b: y}], c: 2}",
};

Deno.test("plugin test shows what differs, what was logged, and ends with 1", () =>
  withFolder(async (dir) => {
    await Deno.mkdir(`${dir}/assembly`);
    await Deno.mkdir(`${dir}/cases`);
    await Deno.writeTextFile(`${dir}/plugin.yaml`, "name: stubborn\nlang: as\ntimeout: 300ms");
    await Deno.writeTextFile(`${dir}/assembly/handler.ts`, STUBBORN);
    for (const [name, text] of Object.entries(CASES)) {
      await Deno.writeTextFile(`${dir}/cases/${name}`, text);
    }
    const { code, out, note } = await capture(["plugin", "test", dir]);
    assert.deepEqual([code, note], [1, "3 of 7 failed\n"], out + note);
    const lines = out.replaceAll(/ +[0-9.]+ ms$/gm, "").split("\n").sort();
    for (const name of ["array", "config", "nothing", "slow"]) {
      assert.ok(lines.includes(`ok     ${name}`), out);
    }
    assert.ok(out.includes("output.a\n         expected 1.5\n         got      1.50\n"), out);
    assert.ok(
      out.includes("error.type\n         expected my.Other\n         got      my.Error\n"),
      out,
    );
    assert.ok(
      out.includes(
        'output.a[1].b\n         expected "y"\n         got      "x"\n' +
          "       output.c\n         expected 2\n         got      nothing\n" +
          '       log\n         info: saw {"a":[1,{"b":"x"}]}\n',
      ),
      out,
    );
  }));

Deno.test("plugin test in envelope mode compares what a frame says", () =>
  withFolder(async (dir) => {
    await Deno.mkdir(`${dir}/assembly`);
    await Deno.mkdir(`${dir}/cases`);
    await Deno.writeTextFile(`${dir}/plugin.yaml`, "name: router\nlang: as\nmode: envelope");
    await Deno.writeTextFile(
      `${dir}/assembly/handler.ts`,
      `import { outputText } from "asya";
       export function handle(): void {
         outputText('{"payload": 2, "route": {"actors": ["router", "b"], "current": 1}}');
       }`,
    );
    const route = "route: {actors: [router, b], current: 1}";
    await Deno.writeTextFile(
      `${dir}/cases/a.yaml`,
      `input: {payload: 1}\noutput: {payload: 2, ${route}}`,
    );
    await Deno.writeTextFile(`${dir}/cases/b.yaml`, "input: {payload: 1}\noutput: {payload: 3}");
    const { code, out } = await capture(["plugin", "test", dir]);
    assert.equal(code, 1);
    assert.match(out, /^ok {5}a /m);
    assert.match(out, /FAILED b .*\n {7}output\.payload\n {9}expected 3\n {9}got {6}2\n/);
  }));

Deno.test("plugin bench prints a line for each level", () =>
  withFolder(async (parent) => {
    await capture(["plugin", "new", "a", "--lang", "as", "--dir", parent]);
    const { code, out, note } = await capture(["plugin", "bench", `${parent}/a`]);
    assert.equal(code, 0, note);
    const number = String.raw` +\d+`;
    const memory = String.raw` +-?[\d.]+ MiB\n`;
    const figures = `${number}${number}${number}${memory}`;
    const head = String.raw`^level +p50 us +p99 us +calls/s +memory\n`;
    assert.match(out, new RegExp(`${head}inline${figures}worker${figures}$`));
  }));

Deno.test("plugin says what is wrong and what to try", () =>
  withFolder(async (parent) => {
    const fails = async (argv: string[], code: number, note: RegExp) => {
      const result = await capture(["plugin", ...argv]);
      assert.deepEqual([result.code, result.out], [code, ""], argv.join(" "));
      assert.match(result.note, note);
    };
    const create = ["new", "a", "--lang", "c", "--dir", parent];
    assert.equal((await capture(["plugin", ...create])).code, 0);
    await fails(create, 1, /a is there already\nnext: choose another name/);
    await fails(["new", "b", "--lang", "c", "--dir", `${parent}/no`], 1, /there is no folder /);
    await fails(["new", "../b", "--lang", "c"], 2, /"\.\.\/b" is no name of a plugin: lower-case/);
    await fails(["new", "b", "--lang", "rost"], 2, /--lang rost is not .*did you mean rust\?/);
    await fails(["new", "b", "--lang", "TypeScript"], 2, /did you mean ts\?/);
    await fails(["new", "b"], 2, /give --lang, one of rust, go, ts, as, c/);
    await fails(["new"], 2, /give a name/);
    await fails(["bild"], 2, /plugin needs one of new, build, test, bench, inspect/);
    await fails(["test", "a", "b"], 2, /plugin test takes one argument/);
    await fails(["build", parent], 1, /plugin\.yaml is missing/);
    await fails(["build", `${parent}/a/handler.c`], 1, /handler\.c\/plugin\.yaml is missing/);
    await fails(["test", `${parent}/no`], 1, /no\/plugin\.yaml is missing/);
    await fails(["inspect", `${parent}/a.wasm`], 1, /there is no file .*\nnext: give the \.wasm/);
    await fails(["inspect", parent], 1, / is a folder\nnext: give the \.wasm file/);
    await Deno.remove(`${parent}/a/cases`, { recursive: true });
    await fails(["test", `${parent}/a`], 1, /a has no cases\nnext: write one: /);
    assert.ok(![...Deno.readDirSync(parent)].some(({ name }) => name === "b"));
  }));

Deno.test("plugin build shows what the compiler says of a wrong source", () =>
  withFolder(async (parent) => {
    await capture(["plugin", "new", "a", "--lang", "as", "--dir", parent]);
    await Deno.writeTextFile(`${parent}/a/assembly/handler.ts`, "export function handle(: void");
    const { code, note } = await capture(["plugin", "build", `${parent}/a`]);
    assert.equal(code, 1);
    assert.match(note, /^asya: handler\.ts:1:\d+: /);
  }));

/** A plugin in TypeScript with one case. */
async function withScript(source: string, use: (dir: string) => Promise<void>): Promise<void> {
  await withFolder(async (dir) => {
    await Deno.mkdir(`${dir}/cases`);
    await Deno.writeTextFile(`${dir}/plugin.yaml`, "name: a\nlang: ts\ntimeout: 300ms");
    await Deno.writeTextFile(`${dir}/handler.ts`, source);
    await Deno.writeTextFile(`${dir}/cases/a.yaml`, "input: 1\noutput: 1");
    await use(dir);
  });
}

Deno.test("plugin test and bench say why a plugin does not start, and where", () =>
  withScript(`throw new RangeError("at the top");\nexport default () => 1;`, async (dir) => {
    const tested = await capture(["plugin", "test", dir]);
    assert.deepEqual([tested.code, tested.out], [1, ""]);
    const start = "asya: it does not start: RangeError: at the top\n";
    assert.equal(tested.note, `${start}at <anonymous> (handler.ts:1:11)\n`);
    const benched = await capture(["plugin", "bench", dir]);
    assert.equal(benched.code, 1);
    assert.equal(
      benched.note,
      "asya: a call failed: at the top\nat <anonymous> (handler.ts:1:11)\n",
    );
  }));

Deno.test("plugin test shows where a handler failed", () =>
  withScript(`export default function handle() {\n  return nothing;\n}`, async (dir) => {
    const { code, out } = await capture(["plugin", "test", dir]);
    assert.equal(code, 1);
    assert.match(out, /error ReferenceError: 'nothing' is not defined\n {7}stack\n {9}at handle /);
    assert.match(out, /\(handler\.ts:2:\d+\)\n/);
  }));

Deno.test("plugin bench says that a handler is too slow, for a level or at all", () =>
  withScript(`export default () => { for (;;); };`, async (dir) => {
    const { code, out, note } = await capture(["plugin", "bench", dir]);
    assert.equal(code, 1);
    assert.match(out, /\ninline {3}takes longer than 100 ms, which is not allowed here\n$/);
    assert.match(note, /^asya: a call failed: interrupted after 300 ms\n/);
  }));

Deno.test("plugin build tells the place of each setting that is wrong or not known", () =>
  withScript("", async (dir) => {
    await Deno.writeTextFile(`${dir}/plugin.yaml`, "name: a\nlang: ts\ntimeout: 5\nmemroy: 64Mi");
    const { code, note } = await capture(["plugin", "build", dir]);
    assert.equal(code, 1);
    assert.match(note, /plugin\.yaml:3:10: timeout: write it like 300ms, /);
    assert.match(note, /plugin\.yaml:4:9: memroy: is not known here\n$/);
  }));

Deno.test("plugin inspect ends with 1 where the module could not be loaded", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.wasm`, "no module");
    const { code, out } = await capture(["plugin", "inspect", `${dir}/a.wasm`]);
    assert.equal(code, 1);
    assert.match(out, /\nproblems\n {2}these bytes are not a WebAssembly module/);
  }));
