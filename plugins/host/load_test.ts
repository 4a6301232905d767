import assert from "node:assert/strict";
import { PluginError } from "../plugin.ts";
import { loadPlugin } from "./load.ts";
import { assemble, guestModule } from "./testdata/assemble.ts";
import { ask, OPTIONS, withPlugin } from "./testdata/with_plugin.ts";

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

Deno.test("loadPlugin() calls a guest with the bytes as they are", () =>
  withPlugin("echo", async (plugin) => {
    const payload = '{"n": 9007199254740993, "e": 1e400, "s": "\\ud800 é"}';
    assert.equal(await ask(plugin, payload), payload);
    assert.equal(await ask(plugin, ""), "");
    const bytes = crypto.getRandomValues(new Uint8Array(30_001));
    assert.deepEqual(await plugin.call({ input: bytes, context: {} }), bytes);
    assert.equal(bytes.length, 30_001, "the caller keeps its input");
    assert.equal(plugin.hash, await sha256(guestModule()));
  }));

Deno.test("loadPlugin() hands over exactly the output range that the guest set", async () => {
  await withPlugin("pass", async (plugin) => assert.equal(await ask(plugin, "abc"), "abc"));
  await withPlugin("partial", async (plugin) => assert.equal(await ask(plugin), "cdef"));
  await withPlugin("late", async (plugin) => assert.equal(await ask(plugin), "Abcd"));
  await withPlugin("nothing", async (plugin) => assert.equal(await ask(plugin), ""));
});

Deno.test("loadPlugin() gives the guest its settings, and those of the call before them", () =>
  withPlugin("config", async (plugin) => {
    assert.equal(await ask(plugin, "greeting"), "hej");
    assert.equal(await ask(plugin, "asya.attempt", { "asya.attempt": "2" }), "2");
    assert.equal(await ask(plugin, "greeting", { greeting: "called" }), "called");
    for (const missing of ["asya.attempt", "toString", "__proto__"]) {
      await assert.rejects(ask(plugin, missing), { code: "guest_error" });
    }
  }, { config: { greeting: "hej" } }));

Deno.test("loadPlugin() keeps a guest's variables between calls", () =>
  withPlugin("remember", async (plugin) => {
    assert.equal(await ask(plugin, "first"), "");
    assert.equal(await ask(plugin, "second"), "first");
    assert.equal(await ask(plugin, "third"), "second");
  }));

Deno.test("loadPlugin() offers WASI output, random bytes and clocks, but no files and no waiting", async () => {
  const lines: string[] = [];
  const log = (level: string, message: string) => lines.push(`${level} ${message}`);
  await withPlugin("print", async (plugin) => void await ask(plugin), { log });
  assert.deepEqual(lines, ["info hello\n"]);
  await withPlugin("random", async (plugin) => {
    const bytes = () => plugin.call({ input: new Uint8Array(), context: {} });
    assert.notDeepEqual(await bytes(), await bytes());
  });
  await withPlugin("sleep", async (plugin) => assert.equal(await ask(plugin), ""));
  await withPlugin("open_file", async (plugin) => {
    await assert.rejects(ask(plugin), { message: "open_file() returned 8" });
  });
});

Deno.test("loadPlugin() forwards what the guest logs", async () => {
  const lines: string[] = [];
  const log = (level: string, message: string) => lines.push(`${level} ${message}`);
  await withPlugin("log", async (plugin) => void await ask(plugin), { log });
  assert.deepEqual(lines, ["warn boom"]);
});

Deno.test("loadPlugin() reports the guest's own errors", async () => {
  await withPlugin("fail", async (plugin) => {
    await assert.rejects(ask(plugin), {
      name: "PluginError",
      code: "guest_error",
      message: "boom",
      module: plugin.hash,
      functionName: "fail",
      type: undefined,
    });
  });
  await withPlugin("fail_typed", async (plugin) => {
    const expected = { code: "guest_error", type: "my.NotReady", message: "try later" };
    await assert.rejects(ask(plugin), expected);
  });
  await withPlugin("fail_and_stop", async (plugin) => {
    await assert.rejects(ask(plugin), { code: "guest_error", message: "boom" });
  });
  await withPlugin("return_three", async (plugin) => {
    const expected = { code: "guest_error", message: "return_three() returned 3" };
    await assert.rejects(ask(plugin), expected);
  });
  await withPlugin("exit", async (plugin) => {
    const expected = { code: "guest_error", message: "the guest exited with status 5" };
    await assert.rejects(ask(plugin), expected);
  });
});

Deno.test("loadPlugin() names the guest's functions in the stack of a trap", () =>
  withPlugin("trap", async (plugin) => {
    const error = await ask(plugin).catch((error) => error);
    assert(error instanceof PluginError);
    assert.equal(error.code, "trap");
    assert.equal(error.message, "unreachable");
    assert.match(error.guestStack ?? "", /^at .*trap \(wasm:\/\/.*\)$/);
  }));

/** Replaces `i32.const 0` by two times `nop`. */
function withoutResult(module: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  module.fill(0x01, module.lastIndexOf(0x41), module.lastIndexOf(0x41) + 2);
  return module;
}

const REFUSED: Record<string, [Uint8Array, string, RegExp]> = {
  "no module": [new TextEncoder().encode("#!/bin/sh\n"), "invalid_module", /not a WebAssembly/],
  "nothing": [new Uint8Array(), "invalid_module", /not a WebAssembly/],
  "a cut module": [guestModule().slice(0, -100), "invalid_module", /cut off/],
  "a module too large": [new Uint8Array(100_001), "invalid_module", /has 100001 bytes/],
  "a module that is not valid": [
    withoutResult(assemble(`(module (func (export "echo") (result i32) (i32.const 0)))`)),
    "invalid_module",
    /not valid/,
  ],
  "a missing function": [assemble("(module)"), "missing_function", /it exports: none/],
  "another function": [
    assemble(`(module (memory (export "echo") 1) (func (export "handle")))`),
    "missing_function",
    /"echo"; it exports: handle/,
  ],
  "an unknown import": [
    assemble(`(module (import "env" "launch" (func)) (func (export "echo")))`),
    "invalid_module",
    /imports env\.launch, which this host does not offer/,
  ],
  "an endless start function": [
    assemble(`(module (func $start (loop $l (br $l))) (start $start) (func (export "echo")))`),
    "timeout",
    /interrupted after 500 ms/,
  ],
  "an endless _initialize": [
    assemble(`(module (func (export "_initialize") (loop $l (br $l))) (func (export "echo")))`),
    "timeout",
    /interrupted/,
  ],
  "a trap in _initialize": [
    assemble(`(module (func (export "_initialize") (unreachable)) (func (export "echo")))`),
    "trap",
    /unreachable/,
  ],
};

const SHORT_START = { ...OPTIONS.limits, startMs: 500 };

for (const [what, [module, code, message]] of Object.entries(REFUSED)) {
  Deno.test(`loadPlugin() refuses ${what}`, () =>
    assert.rejects(
      loadPlugin({ ...OPTIONS, module, functionName: "echo", workers: 2, limits: SHORT_START }),
      { name: "PluginError", code, message, functionName: "echo" },
    ));
}

/** Starts for 600 ms, which is more than a call may take at either level. */
const SLOW_START = assemble(`(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func $now (result i64)
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 0)))
    (i64.load (i32.const 0)))
  (func (export "_initialize")
    (local $end i64)
    (local.set $end (i64.add (call $now) (i64.const 600000000)))
    (loop $wait (br_if $wait (i64.lt_u (call $now) (local.get $end)))))
  (func (export "trap") unreachable))`);

for (const level of ["worker", "inline"] as const) {
  const start = (startMs: number) =>
    loadPlugin({
      ...OPTIONS,
      level,
      module: SLOW_START,
      functionName: "trap",
      limits: { ...OPTIONS.limits, timeoutMs: 100, startMs },
    });

  Deno.test(`loadPlugin() gives start-up code at level ${level} a limit of its own`, async () => {
    const plugin = await start(5_000);
    try {
      // The second one finds an instance that was started anew.
      for (let n = 0; n < 2; n++) await assert.rejects(ask(plugin), { code: "trap" });
    } finally {
      await plugin.close();
    }
    await assert.rejects(start(200), { code: "timeout", message: "interrupted after 200 ms" });
  });
}

Deno.test("loadPlugin() gives start-up code at level inline a second at most", async () => {
  const module = assemble(
    `(module (func (export "_initialize") (loop $l (br $l))) (func (export "echo")))`,
  );
  const limits = { ...OPTIONS.limits, timeoutMs: 100, startMs: 60_000 };
  const options = { ...OPTIONS, level: "inline", module, functionName: "echo", limits } as const;
  await assert.rejects(loadPlugin(options), {
    code: "timeout",
    message: "interrupted after 1000 ms",
  });
});

Deno.test("loadPlugin() runs _initialize once, and a command that leaves by proc_exit(0)", async () => {
  const counter = assemble(`(module
    (global $n (mut i32) (i32.const 0))
    (func (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 1))))
    (func (export "count") (result i32) (i32.ne (global.get $n) (i32.const 1))))`);
  await withPlugin("count", async (p) => void await ask(p), { module: counter });
  const command = assemble(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (call $exit (i32.const 0)))
    (func (export "count")))`);
  await withPlugin("count", async (p) => void await ask(p), { module: command });
});
