/** A guest that reaches its limits again and again is left alone for a while. */

import assert from "node:assert/strict";
import { MAX_BREACHES } from "./host/breaker.ts";
import { ANY, ask, withPlugin } from "./host/testdata/with_plugin.ts";
import type { PluginLevel } from "./plugin.ts";
import { LIMITS } from "./testdata/adversary/cases.ts";

const GOOD = `${ANY.echo} good call`;
const SPIN = new TextEncoder().encode(ANY.spin);

async function reachLimits(level: PluginLevel): Promise<void> {
  await withPlugin("any", async (plugin) => {
    const signal = AbortSignal.timeout(20_000);
    const spin = () => plugin.call({ input: SPIN, context: {}, limitMs: 20 });
    for (let n = 0; n < MAX_BREACHES; n++) {
      assert.equal(plugin.trouble, undefined);
      await plugin.ready(signal);
      await assert.rejects(spin(), { code: "timeout" });
    }
    const trouble = /^10 calls in a row reached a limit, the last one: timeout: interrupted/;
    assert.match(plugin.trouble!, trouble);
    await assert.rejects(ask(plugin, GOOD), { code: "closed", message: trouble });
    const started = performance.now();
    await plugin.ready(signal);
    const pausedMs = performance.now() - started;
    assert(pausedMs > 3_000 && pausedMs < 10_000, `paused for ${pausedMs} ms`);
    assert.equal(plugin.trouble, undefined);
    assert.equal(await ask(plugin, GOOD), GOOD);
    await assert.rejects(spin(), { code: "timeout" });
    assert.equal(plugin.trouble, undefined, "it begins to count anew");
  }, { level, limits: LIMITS });
}

Deno.test("Plugin.trouble says why a guest takes no calls, until Plugin.ready() resolves", async () => {
  await Promise.all([reachLimits("worker"), reachLimits("inline")]);
});
