import assert from "node:assert/strict";
import { Pulse, readVitals } from "./pulse.ts";

Deno.test("readVitals() takes the figures that are figures", () => {
  const head = { rss: 1e7, threads: "3", calls: 0, oldest_call_ms: -1, more: 1 };
  assert.deepEqual(readVitals(head), {
    residentBytes: 1e7,
    threads: undefined,
    calls: 0,
    oldestCallMs: undefined,
    loopBlockedMs: undefined,
  });
});

Deno.test("Pulse.vitals() asks anew once it was answered, and takes no other number's answer", async () => {
  const asked: number[] = [];
  const pulse: Pulse = new Pulse((call) => {
    asked.push(call);
    pulse.accept(call + 1, { calls: 9 });
    pulse.accept(call, { calls: asked.length });
  });
  assert.equal((await pulse.vitals()).calls, 1);
  assert.deepEqual([(await pulse.vitals()).calls, (await pulse.vitals()).silentMs], [2, 0]);
  assert.equal(new Set(asked).size, 3);
});

Deno.test("Pulse.vitals() asks a silent runtime once, and says for how long it is silent", async () => {
  const asked: number[] = [];
  const pulse = new Pulse((call) => asked.push(call));
  const first = await pulse.vitals();
  const second = await pulse.vitals();
  assert.equal(asked.length, 1);
  assert.equal(first.calls, undefined);
  assert.ok(first.silentMs > 0 && second.silentMs > first.silentMs);
  pulse.accept(asked[0]!, {});
  const third = pulse.vitals();
  pulse.accept(asked[1]!, { calls: 0 });
  assert.deepEqual([(await third).silentMs, (await third).calls], [0, 0]);
});
