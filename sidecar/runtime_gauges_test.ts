import assert from "node:assert/strict";
import { Registry } from "prometheus";
import { RuntimeGauges } from "./runtime_gauges.ts";

Deno.test("RuntimeGauges.set() shows what is known, in seconds and bytes, and nothing else", async () => {
  const registry = new Registry();
  const gauges = new RuntimeGauges("prep", "asya_actor", registry);
  const shown = async () =>
    (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(await shown(), []);
  gauges.set({ silentMs: 0, residentBytes: 2e7, calls: 1, oldestCallMs: 1500 });
  assert.deepEqual(await shown(), [
    'asya_actor_runtime_resident_bytes{queue="prep"} 20000000',
    'asya_actor_runtime_calls{queue="prep"} 1',
    'asya_actor_runtime_oldest_call_seconds{queue="prep"} 1.5',
    'asya_actor_runtime_silent_seconds{queue="prep"} 0',
  ]);
  gauges.set({ silentMs: 700 });
  assert.deepEqual(await shown(), ['asya_actor_runtime_silent_seconds{queue="prep"} 0.7']);
  gauges.set(undefined);
  assert.deepEqual(await shown(), []);
});
