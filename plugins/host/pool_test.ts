import assert from "node:assert/strict";
import { PluginError } from "../plugin.ts";
import { parseAllowedHosts } from "./allowed_hosts.ts";
import { compileKernel } from "./kernel/kernel.ts";
import { Pool } from "./pool.ts";
import { ActorState } from "./state.ts";
import { assemble } from "./testdata/assemble.ts";
import { ask, LIMITS, OPTIONS, PATIENT, withPlugin } from "./testdata/with_plugin.ts";

/** A pool whose workers do what their input says: `hang`, `die`, or answer with it. */
async function withWilfulWorkers(workers: number, use: (pool: Pool) => Promise<void>) {
  const pool = new Pool({
    ...OPTIONS,
    code: {
      kind: "wasm",
      module: new WebAssembly.Module(assemble("(module)")),
      kernel: compileKernel(),
    },
    allowed: parseAllowedHosts([]),
    state: new ActorState(0),
    hash: "0".repeat(64),
    script: new URL("./testdata/wilful_worker.ts", import.meta.url),
    functionName: "handle",
    workers,
    limits: { ...LIMITS, timeoutMs: 100, startMs: 100 },
    graceMs: 50,
  });
  await pool.start();
  try {
    await use(pool);
  } finally {
    await pool.close();
  }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(() => undefined, (error) => error);
  return error instanceof PluginError ? error.code : `no PluginError: ${error}`;
}

Deno.test("Pool replaces a worker that dies, and blames only the call that ran alone", () =>
  withWilfulWorkers(1, async (pool) => {
    assert.equal(await codeOf(ask(pool, "die")), "trap");
    assert.equal(await ask(pool, "next"), "next");
    for (let i = 0; i < 60; i++) await ask(pool, "makes the mean small, and so hand-overs large");
    assert.equal(pool.concurrency, 32);
    const blocker = ask(pool, "first");
    const outcomes = await Promise.all(["die", "a", "b"].map((input) => codeOf(ask(pool, input))));
    await blocker;
    assert.deepEqual(outcomes, ["trap", "no PluginError: undefined", "no PluginError: undefined"]);
  }));

Deno.test("Pool replaces a worker that hangs, and gives up after the third", () =>
  withWilfulWorkers(1, async (pool) => {
    for (const n of [1, 2]) {
      assert.equal(await codeOf(ask(pool, "hang")), "timeout");
      assert.equal(await ask(pool, `works after ${n}`), `works after ${n}`);
      assert.equal(pool.trouble, undefined);
    }
    const waiting = ask(pool, "hang");
    const queued = ask(pool, "never");
    assert.equal(await codeOf(waiting), "timeout");
    assert.equal(await codeOf(queued), "closed");
    assert.match(pool.trouble!, /3 workers hang/);
    await assert.rejects(ask(pool, "more"), { code: "closed", message: /3 workers hang/ });
  }));

Deno.test("Plugin.call() carries what is too large for a hand-over through shared memory", () =>
  withPlugin("echo", async (plugin) => {
    const texts = [700_000, 10, 1_000_000, 400_000, 400_000].map((length) => "x".repeat(length));
    assert.deepEqual(await Promise.all(texts.map((text) => ask(plugin, text))), texts);
  }, { limits: { ...PATIENT, kernelBytes: 4_000_000, outputBytes: 2_000_000 } }));

Deno.test("Plugin.call() rejects at once when its signal aborts, waiting or running", () =>
  withPlugin("any", async (plugin) => {
    const aborter = new AbortController();
    const { signal } = aborter;
    const spin = new TextEncoder().encode("e");
    const running = plugin.call({ input: spin, context: {}, signal });
    const waiting = plugin.call({ input: spin, context: {}, signal });
    const started = performance.now();
    aborter.abort(new Error("not needed"));
    assert.equal(await codeOf(waiting), "cancelled");
    assert.equal(await codeOf(running), "cancelled");
    assert(performance.now() - started < 500, "sooner than the limit of the call that runs");
    assert.equal(await codeOf(plugin.call({ input: spin, context: {}, signal })), "cancelled");
    assert.equal(
      await ask(plugin, "a next"),
      "a next",
      "the cancelled calls were not run after all",
    );
  }, { limits: { ...LIMITS, timeoutMs: 1_000 } }));

Deno.test("Plugin.close() lets running calls end, refuses waiting and new ones, twice if asked", () =>
  withPlugin("any", async (plugin) => {
    const running = codeOf(ask(plugin, "e spins"));
    const waiting = codeOf(ask(plugin, "a waits"));
    await Promise.all([plugin.close(), plugin.close()]);
    assert.equal(await running, "timeout");
    assert.equal(await waiting, "closed");
    assert.equal(await codeOf(ask(plugin, "a late")), "closed");
  }));

Deno.test("Plugin.call() runs as many calls at once as there are workers", () =>
  withPlugin("spin", async (plugin) => {
    const started = performance.now();
    const codes = await Promise.all([codeOf(ask(plugin)), codeOf(ask(plugin))]);
    assert.deepEqual(codes, ["timeout", "timeout"]);
    assert(performance.now() - started < 1_900);
  }, { workers: 2, limits: { ...LIMITS, timeoutMs: 1_000 } }));

Deno.test("Plugin.concurrency follows the guest's speed: two calls a worker, or many", async () => {
  await withPlugin("echo", async (plugin) => {
    assert.equal(plugin.concurrency, 4);
    for (let i = 0; i < 200; i++) await ask(plugin);
    assert(plugin.concurrency > 4, `fast: ${plugin.concurrency}`);
  }, { workers: 2 });
  await withPlugin("spin", async (plugin) => {
    await codeOf(ask(plugin));
    assert.equal(plugin.concurrency, 2);
  });
});
