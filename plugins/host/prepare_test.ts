import assert from "node:assert/strict";
import { prepare } from "./prepare.ts";
import { assemble, guestModule } from "./testdata/assemble.ts";

function exportsOf(text: string, maxPages = 10): WebAssembly.Exports {
  const module = new WebAssembly.Module(prepare(assemble(text), maxPages).bytes);
  return new WebAssembly.Instance(module, {}).exports;
}

/** A module of one section, as bytes: for what the assembler would not write. */
function withSection(id: number, ...body: number[]): Uint8Array {
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, id, body.length, ...body]);
}

Deno.test("prepare() caps the memory that a module may grow to", () => {
  for (const declared of ["1", "1 5000"]) {
    const text = `(module (memory (export "memory") ${declared}))`;
    const memory = exportsOf(text, 3).memory as WebAssembly.Memory;
    assert.equal(memory.grow(2), 1);
    assert.throws(() => memory.grow(1), RangeError);
  }
  const memory = exportsOf(`(module (memory (export "memory") 1 2))`).memory as WebAssembly.Memory;
  memory.grow(1);
  assert.throws(() => memory.grow(1), RangeError, "a lower maximum of its own stays");
});

Deno.test("prepare() refuses a module that starts with more memory than allowed", () => {
  const module = assemble(`(module (memory 300))`);
  assert.throws(() => prepare(module, 299), { code: "memory_limit", message: /19660800 bytes/ });
  prepare(module, 300);
});

Deno.test("prepare() caps tables, all of them together", () => {
  const { first, second } = exportsOf(`(module
    (table (export "first") 1 funcref) (table (export "second") 10 20 funcref))`);
  assert.throws(() => (first as WebAssembly.Table).grow(1 << 17), RangeError);
  (first as WebAssembly.Table).grow(60_000);
  (second as WebAssembly.Table).grow(10);
  assert.throws(() => (second as WebAssembly.Table).grow(1), RangeError);
  const hog = assemble(`(module (table 5000000 funcref))`);
  assert.match(prepare(hog, 1).problems.join(), /entries/);
});

const REFUSED: Record<string, [string, RegExp]> = {
  "shared memory": [`(module (memory 1 2 shared))`, /shared or 64-bit memory/],
  "64-bit memory": [`(module (memory i64 1))`, /shared or 64-bit memory/],
  "several memories": [`(module (memory 1) (memory 1))`, /more than one memory/],
  "an imported memory": [
    `(module (import "env" "memory" (memory 1)))`,
    /imports the (memory|table) env/,
  ],
  "an imported table": [
    `(module (import "env" "t" (table 1 funcref)))`,
    /imports the (memory|table) env/,
  ],
  "garbage-collected types": [
    `(module (type $a (array i64)) (func (param (ref null $a))))`,
    /garbage/,
  ],
  "exceptions": [`(module (tag (param i32)) (func (throw 0 (i32.const 1))))`, /exception handling/],
};

for (const [what, [text, message]] of Object.entries(REFUSED)) {
  Deno.test(`prepare() refuses ${what}`, () => {
    const { problems, imports } = prepare(assemble(text), 100);
    const asked = imports.map(({ kind, module, name }) => `imports the ${kind} ${module}.${name}`);
    assert.match([...problems, ...asked].join("\n"), message);
  });
}

Deno.test("prepare() names what a module imports and exports", () => {
  const { imports, exports, problems } = prepare(guestModule(), 64);
  const module = new WebAssembly.Module(guestModule());
  assert.deepEqual(imports, WebAssembly.Module.imports(module));
  assert.deepEqual(exports, WebAssembly.Module.exports(module));
  assert.deepEqual(problems, []);
});

Deno.test("prepare() survives any cut of a module, and any changed byte", () => {
  const module = guestModule();
  for (let length = 0; length < module.length; length++) {
    try {
      prepare(module.subarray(0, length), 64);
    } catch (error) {
      assert.equal((error as Error).name, "PluginError", `cut at ${length}`);
    }
  }
  for (let at = 8; at < module.length; at++) {
    const changed = module.slice();
    changed[at] = 0xff;
    try {
      prepare(changed, 64);
    } catch (error) {
      assert.equal((error as Error).name, "PluginError", `changed at ${at}`);
    }
  }
});

Deno.test("prepare() refuses numbers that are too long or lead beyond the end", () => {
  const endless = Array(200).fill(0x80);
  for (const id of [1, 2, 4, 5]) {
    assert.throws(() => prepare(withSection(id, ...endless.slice(0, 100)), 1), {
      code: "invalid_module",
    });
  }
  assert.throws(() => prepare(withSection(2, 0xff, 0xff, 0xff, 0xff, 0x0f), 1), {
    code: "invalid_module",
  });
});
