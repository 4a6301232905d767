/** What a sidecar's health and metrics say of a handler's process: that it loads, leaks, blocks. */

import assert from "node:assert/strict";
import { Pod } from "./pod.ts";

const HELD = `
import os, time

STAGE = os.environ["STAGE"]

def held(name):
    end = time.monotonic() + 60
    while not os.path.exists(STAGE + "/" + name) and time.monotonic() < end:
        time.sleep(0.01)
`;

Deno.test("/health/ready says that the handler is loading, and for how long, until it is loaded", async () => {
  const code = `${HELD}\nheld("loaded")\n\ndef process(payload):\n    return payload\n`;
  await using pod = await Pod.start({ code });
  const troubles = new Set<string>();
  await pod.until("two different words about it", async () => {
    const { ready, trouble } = await pod.health();
    assert.equal(ready, false);
    if (/^loading: importing handler\.process, \d+ s so far$/.test(trouble)) troubles.add(trouble);
    return troubles.size === 2;
  });
  await pod.send({ id: "waits", payload: 1 });
  await pod.write("loaded");
  assert.equal((await pod.take("next")).id, "waits");
  assert.equal((await pod.health()).ready, true);
});

Deno.test("/metrics shows how a handler's process grows that leaks", async () => {
  const code = `kept = []

def process(payload):
    kept.append(b"x" * payload)
    return len(kept)
`;
  await using pod = await Pod.start({ code });
  await pod.ready();
  const before = await pod.metric("runtime_resident_bytes");
  assert.ok(before !== undefined && before > 1e6, String(before));
  const bytes = 8_000_000;
  for (let i = 1; i <= 5; i++) {
    await pod.send({ id: `e-${i}`, payload: bytes });
    assert.equal((await pod.take("next")).payload, i);
  }
  const after = await pod.metric("runtime_resident_bytes");
  assert.ok(after! >= before + 5 * bytes * 0.9, `${before} to ${after}`);
  assert.equal(await pod.metric("runtime_calls"), 0);
  assert.equal(await pod.metric("runtime_oldest_call_seconds"), 0);
  assert.ok((await pod.metric("runtime_threads"))! >= 2);
});

Deno.test("/metrics shows a handler that blocks: its call's age, its event loop, its silence", async () => {
  const code = `${HELD}\nasync def process(payload):\n    held("go")\n    return payload\n`;
  await using pod = await Pod.start({ code });
  await pod.ready();
  assert.equal(await pod.metric("runtime_silent_seconds"), 0);
  await pod.send({ id: "blocks", payload: 1 });
  await pod.until("the call is a second old", async () => {
    return (await pod.metric("runtime_oldest_call_seconds") ?? 0) >= 1;
  });
  assert.equal(await pod.metric("runtime_calls"), 1);
  await pod.until("the loop is seen to be blocked", async () => {
    return (await pod.metric("runtime_loop_blocked_seconds") ?? 0) >= 1;
  });
  pod.runtime.signal("SIGSTOP");
  await pod.until("it is silent for a second", async () => {
    return (await pod.metric("runtime_silent_seconds") ?? 0) >= 1;
  });
  assert.equal(await pod.metric("runtime_calls"), undefined, "no figure of earlier times");
  pod.runtime.signal("SIGCONT");
  await pod.until("it answers", async () => await pod.metric("runtime_silent_seconds") === 0);
  await pod.write("go");
  assert.equal((await pod.take("next")).id, "blocks");
});
