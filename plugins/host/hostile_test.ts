import assert from "node:assert/strict";
import type { PluginErrorCode } from "../plugin.ts";
import { ANY, ask, LIMITS, PATIENT, withPlugin } from "./testdata/with_plugin.ts";

/** What each hostile function of `guest.wat` must end in. */
const HOSTILE: Record<string, [PluginErrorCode, RegExp]> = {
  spin: ["timeout", /interrupted after 150 ms/],
  trap: ["trap", /unreachable/],
  recurse: ["trap", /stack is exhausted/],
  grow: ["memory_limit", /holds 4194304 of 4194304 bytes/],
  alloc_hog: ["memory_limit", /more than 2000000 bytes of host memory/],
  alloc_tiny: ["memory_limit", /host memory/],
  alloc_negative: ["memory_limit", /host memory/],
  config_hog: ["host_limit", /more than 10000 times/],
  var_hog: ["memory_limit", /variables hold more/],
  output_beyond: ["trap", /beyond its block/],
  output_nowhere: ["trap", /no block/],
  output_negative: ["output_limit", /its limit is 200000/],
  output_huge: ["output_limit", /300000 bytes; its limit is 200000/],
  store_nowhere: ["trap", /./],
  http: ["denied", /http to 127.0.0.1 is not allowed: add/],
};

for (const [name, [code, message]] of Object.entries(HOSTILE)) {
  Deno.test(`Plugin.call() survives a guest that does ${name}`, () =>
    withPlugin(name, async (plugin) => {
      await assert.rejects(ask(plugin), { name: "PluginError", code, message });
      await assert.rejects(ask(plugin), { code, message }, "the same on a fresh instance");
    }, { limits: name === "spin" ? LIMITS : PATIENT }));
}

Deno.test("Plugin.call() works again after each way to fail", () =>
  withPlugin("any", async (plugin) => {
    for (const [name, letter] of Object.entries(ANY)) {
      await ask(plugin, letter).catch(() => {});
      assert.equal(await ask(plugin, `a good call after ${name}`), `a good call after ${name}`);
    }
  }));

Deno.test("Plugin.call() bounds the log of a call, in lines and in bytes", async () => {
  const lines: string[] = [];
  const log = (_level: string, message: string) => lines.push(message);
  await withPlugin("log_flood", async (plugin) => void await ask(plugin), { log });
  assert.equal(lines.length, 101);
  assert.equal(lines.at(-1), "4900 more log lines of this call were dropped");
  lines.length = 0;
  await withPlugin("log_long", async (plugin) => void await ask(plugin), { log });
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!.length, 16_384 + "… (cut)".length);
});

Deno.test("Plugin.call() refuses an input larger than the host memory of a call", () =>
  withPlugin("echo", async (plugin) => {
    const input = new Uint8Array(LIMITS.kernelBytes + 1);
    await assert.rejects(plugin.call({ input, context: {} }), { code: "memory_limit" });
    assert.equal(await ask(plugin, "next"), "next");
  }));

Deno.test("Plugin.call() replaces an instance that leaks before it reaches its limit", () =>
  withPlugin("leak", async (plugin) => {
    for (let i = 0; i < 100; i++) assert.equal(await ask(plugin), "");
  }));

Deno.test("Plugin.call() does not let a guest grow its tables without end", () =>
  withPlugin("grow_table", async (plugin) => {
    await assert.rejects(ask(plugin), { message: "grow_table() returned -1" });
  }));

Deno.test("Plugin.call() takes a lower limit for one call", () =>
  withPlugin("spin", async (plugin) => {
    const started = performance.now();
    const call = plugin.call({ input: new Uint8Array(), context: {}, limitMs: 20 });
    await assert.rejects(call, { code: "timeout", message: "interrupted after 20 ms" });
    assert(performance.now() - started < 1_000);
  }));

interface Footprint {
  readonly failed: number;
  readonly grownBytes: number;
  readonly idleCpuMs: number;
}

Deno.test("Plugin.call() does 20,000 mixed calls without growing, and idles without the processor", async () => {
  // In a process of its own: memory and processor time are measured for all of a process.
  const script = new URL("testdata/footprint.ts", import.meta.url).href;
  const args = ["run", "-A", "--unstable-worker-options", script];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert(success);
  const footprint: Footprint = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(footprint.failed, 275, "those that were meant to");
  assert(footprint.grownBytes < 100e6, `grew by ${footprint.grownBytes} bytes`);
  assert(footprint.idleCpuMs < 150, `used ${footprint.idleCpuMs} of 500 ms while idle`);
});
