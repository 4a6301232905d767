import assert from "node:assert/strict";
import { MODULE_HEADER, Writer } from "./binary.ts";
import { prepare } from "./prepare.ts";
import { assemble, guestModule } from "./testdata/assemble.ts";

const LOCALS = 40_000;
const PLACES = /too many branches beside too many variables$/;

/** A function with many variables, in a module that has everything instructions refer to. */
function withMany(instructions: string, locals = LOCALS): Uint8Array {
  return assemble(`(module
    (type $many (func (result ${"i64 ".repeat(500)})))
    (memory 1) (table 1 funcref) (data $data "x") (elem $elem func $other)
    (func $other)
    (func $hundreds (type $many) unreachable)
    (func (export "handle") (param i32) (local ${"i32 ".repeat(locals)}) ${instructions}))`);
}

const EXPENSIVE: Readonly<Record<string, string>> = {
  block: "(block $out (br_if $out (local.get 0)))".repeat(100),
  loop: "(loop $again (br_if $again (local.get 0)))".repeat(100),
  if: "(if (local.get 0) (then (nop)) (else (nop)))".repeat(300),
  br: "(block $out (br $out))".repeat(100),
  br_if: "(br_if 0 (local.get 0))".repeat(300),
  br_table: `(block (br_table ${"0 1 ".repeat(150)} (local.get 0)))`,
  try: "(try (do (nop)) (catch_all (nop)))".repeat(300),
};

for (const [name, instructions] of Object.entries(EXPENSIVE)) {
  Deno.test(`prepare() refuses a function with many variables and many of ${name}`, () => {
    const { problems } = prepare(withMany(instructions), 10);
    assert.match(problems.join(), PLACES);
    assert.deepEqual(prepare(withMany(instructions, 10), 10).problems, [], "with few variables");
  });
}

/** Their immediates look like the beginnings and ends of blocks. */
const CHEAP: Readonly<Record<string, string>> = {
  "i32.const": "(drop (i32.const 0x0b0b))",
  "i64.const": "(drop (i64.const 0x5820605820b))",
  "f32.const": "(drop (f32.const 0x1.161616p-105))",
  "f64.const": "(drop (f64.const 0x1.0b0b0b0b0b0bp-847))",
  "v128.const": "(drop (v128.const i32x4 0x0b0b0b0b 0x0b0b0b0b 0x40024002 0x0b0b0b0b))",
  "i8x16.shuffle": `(drop (i8x16.shuffle ${"11 ".repeat(16)}
    (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0)))`,
  "i8x16.extract_lane": "(drop (i8x16.extract_lane_u 11 (v128.const i32x4 0 0 0 0)))",
  "v128.load8_lane": `(drop (v128.load8_lane offset=11 11 (i32.const 0)
    (v128.const i32x4 0 0 0 0)))`,
  "i32.load": "(drop (i32.load offset=0x58b (i32.const 0)))",
  "i32.store": "(i32.store offset=11 (i32.const 0) (i32.const 0))",
  "i32.atomic.rmw.add": "(drop (i32.atomic.rmw.add offset=11 (i32.const 0) (i32.const 0)))",
  "atomic.fence": "(atomic.fence)",
  "memory.copy": "(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))",
  "memory.init": "(memory.init $data (i32.const 0) (i32.const 0) (i32.const 0))",
  "local.tee": "(local.set 11 (local.tee 11 (i32.const 0)))",
  "call": "(call $other)",
  "call_indirect": "(call_indirect (i32.const 0))",
  "ref.func": "(drop (ref.func $other))",
  "ref.null": "(drop (ref.is_null (ref.null func)))",
  "table.get": "(drop (table.get 0 (i32.const 0)))",
  "select": "(drop (select (i32.const 11) (i32.const 11) (i32.const 11)))",
};

for (const [name, instruction] of Object.entries(CHEAP)) {
  Deno.test(`prepare() knows where ${name} ends, and that it branches nowhere`, () => {
    assert.deepEqual(prepare(withMany(instruction.repeat(300)), 10).problems, []);
  });
}

const LOCAL_GET = [0x20, 0];
const DROP = [0x1a];
const BLOCK = [0x02, 0x40, 0x0b];
const CALL = [0x10, 0];

function times(count: number, code: readonly number[]): number[] {
  return Array.from({ length: count }, () => code).flat();
}

/** A function of these bytes with one variable, beside one that returns 500 values. */
function withCode(...code: readonly number[]): Uint8Array {
  const types = new Writer().u32(2)
    .raw([0x60, 0]).u32(500).raw(times(500, [0x7f])).raw([0x60, 1, 0x7f, 0]);
  const bodies = [[0, 0x00, 0x0b], [0, ...code, 0x0b]];
  const section = new Writer().u32(2);
  for (const body of bodies) section.u32(body.length).raw(body);
  return Uint8Array.from([
    ...MODULE_HEADER,
    ...types.section(1),
    ...new Writer().raw([2, 0, 1]).section(3),
    ...section.section(10),
  ]);
}

Deno.test("prepare() refuses a function with a high stack and many branches", () => {
  const [get, drop] = [times(20_000, LOCAL_GET), times(20_000, DROP)];
  const high = withCode(...get, ...times(1_000, BLOCK), ...drop);
  new WebAssembly.Module(withCode(...times(20, [...LOCAL_GET, ...BLOCK, ...DROP])).slice());
  assert.match(prepare(high, 10).problems.join(), PLACES);
  const low = withCode(...times(20_000, [...LOCAL_GET, ...DROP]), ...times(1_000, BLOCK));
  assert.deepEqual(prepare(low, 10).problems, []);
});

Deno.test("prepare() counts all that a call leaves on the stack, and that a block takes it along", () => {
  const [calls, drops] = [times(60, CALL), times(30_000, DROP)];
  const high = withCode(...calls, ...times(400, BLOCK), ...drops);
  assert.match(prepare(high, 10).problems.join(), PLACES);
  const inside = withCode(0x02, 0x40, ...calls, 0x00, 0x0b, ...times(400, BLOCK));
  assert.deepEqual(prepare(inside, 10).problems, []);
});

Deno.test("prepare() refuses a function that is too long, and one with too many variables", () => {
  const long = prepare(withMany("(drop (f64.const 1))".repeat(60_000), 0), 10);
  assert.match(long.problems.join(), /a function of 6\d{5} bytes; at most 524288 may be$/);
  const many = prepare(withMany("", 50_000), 10);
  assert.match(many.problems.join(), /more than 50000 variables$/);
});

Deno.test("prepare() refuses an instruction that it does not know", () => {
  const module = withMany("(call $other)".repeat(300));
  const at = module.lastIndexOf(0x10);
  assert.throws(() => prepare(module.with(at, 0xfb), 10), {
    code: "invalid_module",
    message: "the module uses instruction 0xfb, which this host does not know",
  });
});

Deno.test("prepare() finds nothing in an ordinary module", () => {
  assert.deepEqual(prepare(guestModule(), 10).problems, []);
});
