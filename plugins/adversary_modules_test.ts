/** Modules that are too large or damaged: each is refused, or works as far as it goes. */

import assert from "node:assert/strict";
import { loadPlugin } from "./host/load.ts";
import { guestModule } from "./host/testdata/assemble.ts";
import { ask } from "./host/testdata/with_plugin.ts";
import { type Plugin, PluginError, type PluginLevel } from "./plugin.ts";
import { adversary, LIMITS } from "./testdata/adversary/cases.ts";
import { hugeModule, sectionEdges } from "./testdata/adversary/modules.ts";
import { randomNumbers } from "./testdata/adversary/random.ts";

const FLIPS = 500;

/** Damage may make a loop endless. */
const SHORT = { ...LIMITS, timeoutMs: 20, startMs: 20 };

function load(
  module: Uint8Array,
  functionName: string,
  level: PluginLevel = "inline",
): Promise<Plugin> {
  return loadPlugin({
    module,
    functionName,
    config: {},
    workers: 1,
    level,
    allowedHosts: [],
    stateBytes: 0,
    limits: level === "inline" ? SHORT : LIMITS,
  });
}

/** @returns how it ended: `answer`, or the code of the error */
async function outcome(module: Uint8Array, functionName: string): Promise<string> {
  try {
    const plugin = await load(module, functionName);
    try {
      await ask(plugin, "a text");
      return "answer";
    } finally {
      await plugin.close();
    }
  } catch (error) {
    if (error instanceof PluginError) return error.code;
    throw error;
  }
}

Deno.test("loadPlugin() refuses a module of 200 MB by its size, and keeps none of it", async () => {
  const module = hugeModule(200_000_000);
  const before = Deno.memoryUsage().rss;
  await assert.rejects(load(module, "handle"), {
    code: "invalid_module",
    message: "the module has 200000000 bytes; its limit is 100000",
  });
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 1.1 * module.length, `grew by ${grown} bytes`);
});

Deno.test("loadPlugin() refuses a module that is cut off, at every section and inside of each", async () => {
  const module = guestModule();
  assert.equal(await outcome(module, "echo"), "answer");
  const edges = sectionEdges(module);
  const code = edges.at(-2)!; // the names that follow are for stacks only
  const cuts = edges.flatMap((edge) => [edge - 1, edge, edge + 1, edge + 3]);
  for (const cut of [0, 1, 4, 7, ...cuts].filter((cut) => cut < module.length && cut !== code)) {
    const how = await outcome(module.subarray(0, cut), "echo");
    assert.match(how, /^(invalid_module|missing_function)$/, `cut at ${cut}`);
  }
});

Deno.test("loadPlugin() and Plugin.call() survive 500 modules with a flipped bit", async () => {
  const random = randomNumbers(500);
  const original = guestModule();
  const counts: Record<string, number> = {};
  for (let n = 0; n < FLIPS; n++) {
    const module = original.slice();
    module[random(module.length)]! ^= 1 << random(8);
    const how = await outcome(module, "any");
    counts[how] = (counts[how] ?? 0) + 1;
  }
  assert.equal(await outcome(original, "any"), "answer", "a good one after all of them");
  for (const how of ["invalid_module", "answer"]) assert(counts[how]! > 20, JSON.stringify(counts));
});

Deno.test("Plugin.call() is right beside modules that are refused", async () => {
  const neighbour = await load(adversary("echo.wat"), "handle", "worker");
  try {
    for (const file of ["memory64.wat", "structs.wat", "minimum.wat", "start_spin.wat"]) {
      const [answer] = await Promise.all([
        ask(neighbour, file),
        assert.rejects(load(adversary(file), "handle", "worker"), { name: "PluginError" }),
      ]);
      assert.equal(answer, file);
    }
  } finally {
    await neighbour.close();
  }
});
