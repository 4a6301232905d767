/** Guests that take memory or time where no limit sees it: each must cost little, and be ended. */

import assert from "node:assert/strict";
import { loadPlugin } from "./host/load.ts";
import { assemble } from "./host/testdata/assemble.ts";
import { adversary, LIMITS } from "./testdata/adversary/cases.ts";
import type { Blast } from "./testdata/adversary/bombs.ts";

async function blast(bomb: string): Promise<Blast> {
  const script = new URL("testdata/adversary/bombs.ts", import.meta.url).href;
  const args = ["run", "-A", "--unstable-worker-options", script, bomb];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { DENO_V8_FLAGS: "--wasm-tiering-budget=1000" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const BOMBS = "json_error json_partial json_metric sections exports imports copy " +
  "compile_locals compile_stack compile_straight " +
  "compile_locals_allowed compile_stack_allowed compile_straight_allowed";

for (const bomb of BOMBS.split(" ")) {
  Deno.test(`loadPlugin() and Plugin.call() bound what ${bomb} takes`, async () => {
    const { ended, ms, lagMs, grownBytes } = await blast(bomb);
    const shown = `${ended}; ${ms | 0} ms, lag ${lagMs | 0} ms, grew by ${grownBytes / 1e6 | 0} MB`;
    assert.doesNotMatch(ended, /worker/, shown);
    assert(grownBytes < 400e6 && ms < 10_000 && lagMs < 500, shown);
  });
}

const INPUT = new TextEncoder().encode("1");

Deno.test("Plugin.call() ends a call that reached a limit, whatever the guest catches", async () => {
  const module = assemble(`(module
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    (memory (export "memory") 1)
    (func (export "handle")
      (try (do (drop (call $alloc (i64.const -1)))) (catch_all))))`);
  const outcome = (async () => {
    const plugin = await loadPlugin({ ...base("worker"), module });
    await plugin.call({ input: INPUT, context: {} }).finally(() => plugin.close());
  })();
  await assert.rejects(outcome, { name: "PluginError" });
});

Deno.test("Plugin.call() bounds the bytes of partial results at level inline too", async () => {
  const module = adversary("outputs.wat");
  const plugin = await loadPlugin({
    ...base("inline"),
    module,
    functionName: "partial_bytes",
  });
  let bytes = 0;
  const onPartial = (body: Uint8Array) => bytes += body.length;
  for (let n = 0; n < 5; n++) {
    await assert.rejects(plugin.call({ input: INPUT, context: {}, onPartial }));
    assert(bytes <= 16 * 2 ** 20, `${bytes} bytes`);
    bytes = 0;
  }
  await plugin.close();
});

Deno.test("Pool does not take a slow start-up before a call for a worker that hangs", async () => {
  const module = assemble(`(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (func $now (result i64)
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 0)))
      (i64.load (i32.const 0)))
    (func (export "_initialize")
      (local $end i64)
      (local.set $end (i64.add (call $now) (i64.const 2600000000)))
      (loop $wait (br_if $wait (i64.lt_u (call $now) (local.get $end)))))
    (func (export "handle") (loop $again (br $again))))`);
  const limits = { ...LIMITS, timeoutMs: 3_000 };
  const plugin = await loadPlugin({ ...base("worker"), module, limits });
  try {
    for (let n = 0; n < 2; n++) {
      await assert.rejects(plugin.call({ input: INPUT, context: {} }), {
        code: "timeout",
        message: /^interrupted after/,
      });
    }
  } finally {
    await plugin.close();
  }
});

function base(level: "worker" | "inline") {
  return {
    functionName: "handle",
    config: {},
    workers: 1,
    level,
    allowedHosts: [],
    stateBytes: 0,
    limits: LIMITS,
  };
}
