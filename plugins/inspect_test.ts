import assert from "node:assert/strict";
import { OFFERED } from "./host/environment.ts";
import { assemble, guestModule } from "./host/testdata/assemble.ts";
import { LIMITS } from "./host/testdata/with_plugin.ts";
import { WASI_NAMESPACE, wasiFunctions } from "./host/wasi.ts";
import { inspectModule } from "./inspect.ts";
import { wrapScript } from "./script.ts";

/** A custom section of a module, behind those that it has. */
function withSection(module: Uint8Array, name: string, content: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(String.fromCharCode(name.length) + name + content);
  return Uint8Array.from([...module, 0, bytes.length, ...bytes]);
}

Deno.test("inspectModule() knows what every function of the host is good for, once", async () => {
  const wasi = wasiFunctions({ memory: () => new ArrayBuffer(), write: () => {} });
  const offered = Object.entries({ ...OFFERED, [WASI_NAMESPACE]: Object.keys(wasi) });
  const all = offered.flatMap(([module, names]) => names.map((name) => ({ module, name })));
  const imports = all.map(({ module, name }) => `(import "${module}" "${name}" (func))`);
  const module = assemble(`(module ${imports.join("")} (func (export "handle")))`);
  const { abilities, problems } = await inspectModule(module, "handle", LIMITS);
  assert.deepEqual(problems, []);
  const known = abilities.flatMap(({ imports }) => imports).sort();
  assert.deepEqual(known, all.map(({ name }) => name).sort());
});

Deno.test("inspectModule() tells size, digest, memory, exports and what a module cannot do", async () => {
  const text = '(module (memory (export "memory") 2 7) (func (export "handle")))';
  const module = withSection(assemble(text), "producers", "\x01\x08language\x01\x04Rust\x042021");
  const found = await inspectModule(module, "handle", LIMITS);
  assert.equal(found.language, "Rust 2021");
  assert.equal(found.size, module.length);
  const digest = await crypto.subtle.digest("SHA-256", module);
  assert.equal(found.sha256, new Uint8Array(digest).toHex());
  assert.ok(found.gzipSize > 20);
  assert.deepEqual(found.memory, { min: 131_072, max: 458_752 });
  assert.deepEqual(found.exports, ["memory (memory)", "handle (function)"]);
  assert.ok(found.abilities.every(({ imports }) => imports.length === 0));
  assert.deepEqual(found.problems, []);

  const damaged = await inspectModule(withSection(module, "producers", "\x09"), "handle", LIMITS);
  assert.equal(damaged.language, "Rust 2021");
  const silent = withSection(assemble(text), "producers", "\x09");
  const { language, problems } = await inspectModule(silent, "handle", LIMITS);
  assert.deepEqual([language, problems], [undefined, []]);
});

Deno.test("inspectModule() lists all that loading would object to", async () => {
  const module = assemble(`(module
    (import "env" "launch" (func))
    (memory 100)
    (func (export "run")))`);
  const limits = { ...LIMITS, moduleBytes: 10 };
  assert.deepEqual((await inspectModule(module, "handle", limits)).problems, [
    `it has ${module.length} bytes; its limit is 10`,
    "it imports env.launch, which this host does not offer",
    'it does not export the function "handle"; it exports: run',
    "it starts with 6553600 bytes of memory; its limit is 4194304",
  ]);
});

Deno.test("inspectModule() says what is wrong with bytes that are no module", async () => {
  const problems = async (bytes: Uint8Array<ArrayBuffer>) =>
    (await inspectModule(bytes, "handle", LIMITS)).problems;
  assert.deepEqual(await problems(new TextEncoder().encode("hello")), [
    "these bytes are not a WebAssembly module (version 1)",
  ]);
  assert.deepEqual(await problems(guestModule().slice(0, -10)), [
    "the module is cut off or damaged",
  ]);
  // A body that returns nothing where its type says a number.
  const module = assemble('(module (func (export "handle") (result i32) (i32.const 1)))');
  const at = module.lastIndexOf(0x41);
  const [problem] = await problems(module.with(at, 0x01).with(at + 1, 0x01));
  assert.match(problem!, /^it is not valid: /);
});

Deno.test("inspectModule() sees a script in a module", async () => {
  const module = wrapScript("export default (payload) => payload;");
  const { language, abilities, problems } = await inspectModule(module, "handle", LIMITS);
  assert.match(language!, /^JavaScript/);
  const http = abilities.find(({ what }) => what === "call HTTP");
  assert.deepEqual(http?.imports, ["context.http"]);
  assert.deepEqual(problems, []);
});

const SCRIPTS: Readonly<Record<string, readonly [exports: string[], problems: RegExp[]]>> = {
  "var a = 1;\nexport {\n  a,\n  b as default\n};\nvar b = () => a;": [["a", "default"], []],
  "export default (payload) => payload;": [["default"], []],
  "export async function handle() {}\nexport const limit = 1;": [["handle", "limit"], []],
  "function other() {}\nexport { other };": [["other"], [/neither handle nor default; .*: other$/]],
  "const text = 'x';": [[], [/neither handle nor default; it exports: nothing$/]],
  'import { a } from "node:fs";\nexport default () => a;': [
    ["default"],
    [/^it imports "node:fs"; a script has only what was bundled into it$/],
  ],
  "export default (": [[], [/^it is not valid: SyntaxError: /]],
};

for (const [source, [exports, problems]] of Object.entries(SCRIPTS)) {
  Deno.test(`inspectModule() looks into the script ${JSON.stringify(source)}`, async () => {
    const found = await inspectModule(wrapScript(source), "handle", LIMITS);
    assert.deepEqual(found.exports, exports);
    assert.equal(found.problems.length, problems.length, found.problems.join("\n"));
    for (const [n, problem] of problems.entries()) assert.match(found.problems[n]!, problem);
  });
}

Deno.test("inspectModule() does not run a script", async () => {
  const endless = wrapScript("for (;;);\nexport default () => 1;");
  assert.deepEqual((await inspectModule(endless, "handle", LIMITS)).problems, []);
});
