/** Runs one guest that takes memory or time where no limit sees it; prints what it took, as JSON. */

import { loadPlugin } from "../../host/load.ts";
import { assemble } from "../../host/testdata/assemble.ts";
import { PluginError } from "../../plugin.ts";
import { OPTIONS } from "../../host/testdata/with_plugin.ts";

/** What one bomb took, and how it ended. */
export interface Blast {
  /** `answer`, or the code and message of the error, at load or in the call. */
  readonly ended: string;
  readonly ms: number;
  /** The longest time for which the event loop stood still. */
  readonly lagMs: number;
  /** Largest memory of the process beside what it had before. */
  readonly grownBytes: number;
}

/** As the sidecar sets them, but for the time. */
const LIMITS = {
  timeoutMs: 500,
  startMs: 10_000,
  memoryBytes: 64 * 2 ** 20,
  kernelBytes: 64 * 2 ** 20,
  moduleBytes: 64 * 2 ** 20,
  outputBytes: 64 * 2 ** 20,
};

/** Hands 60 MB of `[0,0,0, {},{},0,{},{},0, ...]` to a function of the host. */
function json(namespace: string, name: string): Uint8Array {
  return assemble(`(module
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
    (import "${namespace}" "${name}" (func $take (param i64)))
    (memory (export "memory") 1)
    (func (export "handle") (result i32)
      (local $block i64) (local $i i64)
      (local.set $block (call $alloc (i64.const 60000000)))
      (loop $next
        (call $store (i64.add (local.get $block) (local.get $i)) (i64.const 0x2c302c7d7b2c7d7b))
        (local.set $i (i64.add (local.get $i) (i64.const 8)))
        (br_if $next (i64.lt_u (local.get $i) (i64.const 60000000))))
      (call $store (local.get $block) (i64.const 0x202c302c302c305b))
      (call $store (i64.add (local.get $block) (i64.const 59999992)) (i64.const 0x5d20202020202030))
      (call $take (local.get $block))
      (i32.const 1)))`);
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; bytes.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + (rest >= 128 ? 128 : 0));
  }
  return bytes;
}

class Bytes {
  #bytes = new Uint8Array(1 << 20);
  #length = 0;
  add(bytes: ArrayLike<number>): this {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
    return this;
  }
  get all(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

const HANDLE = [6, ...new TextEncoder().encode("handle"), 0, 0];

function section(id: number, body: Uint8Array | number[]): Bytes {
  return new Bytes().add([id, ...leb(body.length)]).add(body);
}

function module(parts: { exports?: Uint8Array; code?: Uint8Array; more?: Uint8Array } = {}) {
  const code = parts.code ?? Uint8Array.from([0, 0x0b]);
  return new Bytes()
    .add([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    .add(section(1, [1, 0x60, 0, 0]).all)
    .add(section(3, [1, 0]).all)
    .add(section(7, parts.exports ?? [1, ...HANDLE]).all)
    .add(section(10, new Bytes().add([1, ...leb(code.length)]).add(code).all).all)
    .add(parts.more ?? new Uint8Array())
    .all;
}

function times(count: number, bytes: (n: number) => number[]): Uint8Array {
  const all = new Bytes();
  for (let n = 0; n < count; n++) all.add(bytes(n));
  return all.all;
}

/** `locals` and a block inside a block inside a block. */
function compile(locals: number, stack: number, depth: number): Uint8Array {
  const code = new Bytes()
    .add([1, ...leb(locals), 0x7f])
    .add(times(stack, () => [0x20, 0]))
    .add(times(depth, () => [0x03, 0x40, 0x0b]))
    .add(times(stack, () => [0x1a]))
    .add([0x0b]);
  return module({ code: code.all });
}

/** Instructions in a row, without a branch. */
function straight(bytes: number): Uint8Array {
  const add = [0x20, 0, 0x41, 1, 0x6a, 0x21, 0]; // local 0 plus 1
  const code = new Bytes().add([1, 1, 0x7f]).add(times(Math.floor(bytes / add.length), () => add));
  return module({ code: code.add([0x0b]).all });
}

const name = (n: number) => [33 + n % 90, 33 + Math.floor(n / 90) % 90, 33 + Math.floor(n / 8100)];

const BOMBS: Readonly<Record<string, () => Uint8Array>> = {
  json_error: () => json("extism:host/env", "error_set"),
  json_partial: () => json("asya:host", "partial"),
  json_metric: () => json("asya:host", "metric"),
  /** 15 KB: the compiler keeps all locals for each of many blocks. */
  compile_locals: () => compile(49_000, 0, 5_000),
  /** 120 KB: or all that lies on the stack. */
  compile_stack: () => compile(1, 20_000, 20_000),
  /** The largest of those that are let through: variables, what lies on the stack, and its size. */
  compile_locals_allowed: () => compile(2_500, 0, 1_900),
  compile_stack_allowed: () => compile(1, 2_200, 2_200),
  compile_straight_allowed: () => straight(500_000),
  /** 5 MB of instructions in a row. */
  compile_straight: () => straight(5_000_000),
  /** 40 MB: ten million sections with nothing in them. */
  sections: () => module({ more: times(10_000_000, () => [0, 2, 1, 97]) }),
  exports: () => {
    const all = new Bytes().add(leb(500_001)).add(HANDLE);
    return module({ exports: all.add(times(500_000, (n) => [3, ...name(n), 0, 0])).all });
  },
  /** 40 MB: each import a problem of its own. */
  imports: () => {
    const imports = new Bytes().add(leb(10_000_000)).add(times(10_000_000, () => [0, 0, 0, 0]));
    return new Bytes().add([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]).add(section(1, [1, 0x60, 0, 0]).all)
      .add(section(2, imports.all).all).all;
  },
  /** Is interrupted only when the optimising compiler has been there, after minutes. */
  copy: () =>
    assemble(`(module (memory (export "memory") 1000)
      (func (export "handle")
        (loop $again
          (memory.copy (i32.const 0) (i32.const 8) (i32.const 60000000))
          (br $again))))`),
};

async function run(bomb: Uint8Array): Promise<string> {
  try {
    const plugin = await loadPlugin({
      module: bomb,
      functionName: "handle",
      ...OPTIONS,
      limits: LIMITS,
    });
    try {
      await plugin.call({ input: new Uint8Array(), context: {} });
      return "answer";
    } finally {
      await plugin.close();
    }
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return `${error.code}: ${error.message.slice(0, 200)}`;
  }
}

if (import.meta.main) {
  const bomb = BOMBS[Deno.args[0]!]!();
  const before = Deno.memoryUsage().rss;
  const started = performance.now();
  let [grownBytes, lagMs, last] = [0, 0, started];
  const look = () => {
    const now = performance.now();
    [lagMs, last] = [Math.max(lagMs, now - last - 10), now];
    grownBytes = Math.max(grownBytes, Deno.memoryUsage().rss - before);
  };
  const timer = setInterval(look, 10);
  const ended = await run(bomb);
  look();
  clearInterval(timer);
  const ms = performance.now() - started;
  console.log(JSON.stringify({ ended, ms, lagMs, grownBytes } satisfies Blast));
  Deno.exit(0); // a thread that hangs would keep the process
}
