/** Every hostile guest of `testdata/adversary/`, at every level, beside a neighbour. */

import assert from "node:assert/strict";
import { loadPlugin } from "./host/load.ts";
import type { Plugin, PluginLevel, PluginOptions } from "./plugin.ts";
import { type Case, CASES, type Ending, LIMITS, optionsOf } from "./testdata/adversary/cases.ts";
import { Witness } from "./testdata/adversary/witness.ts";

/** A hostile guest of level worker may hold up the thread of the service for so long. */
const LAG_MS = 100;

/** The machine may be busy: what is the guest's own doing happens every time. */
const TRIES = 10;

const INPUT = new TextEncoder().encode('"input"');

async function endsIn(what: Promise<unknown>, ending: Ending): Promise<void> {
  if (ending === "fine") return void await what;
  const [code, message] = ending;
  await assert.rejects(what, { name: "PluginError", code, message });
}

/** Twice: the second time on a fresh instance. */
async function callTwice(plugin: Plugin, ending: Ending): Promise<void> {
  for (let n = 0; n < 2; n++) await endsIn(plugin.call({ input: INPUT, context: {} }), ending);
}

async function run(one: Case, level: PluginLevel): Promise<void> {
  const options = optionsOf(one, level);
  if (one.at === "load") return await endsIn(loadPlugin(options), one.ends);
  const plugin = await loadPlugin(options);
  try {
    await callTwice(plugin, one.ends);
    assert.equal(plugin.trouble, undefined);
  } finally {
    await plugin.close();
  }
}

for (const level of ["worker", "inline"] as const) {
  Deno.test(`loadPlugin() and Plugin.call() hold every adversary at level ${level}`, async (t) => {
    await using witness = await Witness.start();
    for (const one of CASES.filter(({ levels }) => levels.includes(level))) {
      const { file, functionName, ends } = one;
      const ending = ends === "fine" ? "fine" : ends[0];
      await t.step(`${file} ${functionName}: ${ending}`, async () => {
        let wrong: unknown;
        for (let n = 0; n < TRIES; n++) {
          try {
            const lagMs = await witness.during(() => run(one, level));
            if (level === "inline") return; // there a guest is trusted not to use up its time
            assert(lagMs <= LAG_MS, `the event loop stood still for ${lagMs} ms`);
            return;
          } catch (error) {
            wrong = error;
          }
        }
        throw wrong;
      });
    }
  });
}

/** Loads one of the cases, with other options. */
async function withCase(
  file: string,
  functionName: string,
  options: Partial<PluginOptions>,
  use: (plugin: Plugin) => Promise<void>,
): Promise<void> {
  const one = CASES.find((one) => one.file === file && one.functionName === functionName);
  assert(one);
  const plugin = await loadPlugin({ ...optionsOf(one, "worker"), ...options });
  try {
    await use(plugin);
  } finally {
    await plugin.close();
  }
}

Deno.test("Plugin.call() bounds the log of a call, in lines and in bytes", async () => {
  const lines: string[] = [];
  const log = (_level: string, message: string) => lines.push(message);
  const logged = async (functionName: string) => {
    lines.length = 0;
    const call = { input: INPUT, context: {} };
    await withCase("floods.wat", functionName, { log }, async (plugin) => {
      await plugin.call(call).catch(() => {}); // what is logged before a failure is logged too
    });
    return lines;
  };
  assert.equal((await logged("log_lines")).length, 101);
  assert.equal(lines.at(-1), "4900 more log lines of this call were dropped");
  assert.deepEqual(await logged("log_bytes"), ["\0".repeat(16_384) + "… (cut)"]);
  assert.equal((await logged("print")).length, 2);
  assert.equal(lines.at(-1), "99999 more log lines of this call were dropped");
  await withCase("floods.wat", "log", { log }, async (plugin) => {
    lines.length = 0;
    await assert.rejects(plugin.call({ input: INPUT, context: {} }), { code: "host_limit" });
  });
  assert.equal(lines.at(-1), "9900 more log lines of this call were dropped");
});

Deno.test("Plugin.call() never calls a function that the guest hands to its host", async () => {
  const lines: string[] = [];
  const log = (_level: string, message: string) => lines.push(message);
  for (const name of ["key", "address", "status", "result"]) {
    await withCase("stack.wat", `function_as_${name}`, { log }, async (plugin) => {
      await plugin.call({ input: INPUT, context: {} }).catch(() => {}); // how it ends: see above
    });
  }
  assert.deepEqual(lines, []);
});

Deno.test("Plugin.call() answers a guest that calls itself through its table", () =>
  withCase("stack.wat", "count_down", {}, async (plugin) => {
    for (let n = 0; n < 3; n++) {
      assert.deepEqual(await plugin.call({ input: INPUT, context: {} }), INPUT);
    }
  }));

Deno.test("Plugin.call() refuses an input larger than the host memory of a call", () =>
  withCase("stack.wat", "count_down", {}, async (plugin) => {
    const input = new Uint8Array(LIMITS.kernelBytes + 1);
    await assert.rejects(plugin.call({ input, context: {} }), { code: "memory_limit" });
    assert.deepEqual(await plugin.call({ input: INPUT, context: {} }), INPUT);
  }));

Deno.test("Plugin.call() replaces an instance that leaks before it reaches its limit", () =>
  withCase("memory.wat", "leak", {}, async (plugin) => {
    for (let n = 0; n < 100; n++) await plugin.call({ input: INPUT, context: {} });
  }));

Deno.test("Plugin.call() takes a lower limit for one call", () =>
  withCase(
    "endless.wat",
    "spin",
    {},
    (plugin) =>
      assert.rejects(plugin.call({ input: INPUT, context: {}, limitMs: 20 }), {
        code: "timeout",
        message: "interrupted after 20 ms",
      }),
  ));
