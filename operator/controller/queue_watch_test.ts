import assert from "node:assert/strict";
import { type Depth, type QueueAdmin, TransportUnavailable } from "@asya/transport";
import { differs, type QueueState, QueueWatch, seen } from "./queue_watch.ts";

const DIFFERENCES: readonly [string, QueueState, QueueState, boolean][] = [
  ["the same", { state: "ready", queued: 7 }, { state: "ready", queued: 7 }, false],
  ["a few more messages", { state: "ready", queued: 100 }, { state: "ready", queued: 109 }, false],
  ["many more messages", { state: "ready", queued: 100 }, { state: "ready", queued: 120 }, true],
  ["the first message", { state: "ready", queued: 0 }, { state: "ready", queued: 1 }, true],
  ["a queue that is gone", { state: "ready", queued: 0 }, { state: "missing" }, true],
  ["another reason", { state: "failed", message: "a" }, { state: "failed", message: "b" }, true],
];

for (const [name, before, now, expected] of DIFFERENCES) {
  Deno.test(`differs() is ${expected} for ${name}`, () => {
    assert.equal(differs(before, now), expected);
  });
}

Deno.test("seen() counts messages that wait for their time as queued", () => {
  const depth = { ready: 2, delayed: 3, inFlight: 1 };
  assert.deepEqual(seen(depth), { state: "ready", queued: 5, processing: 1 });
});

Deno.test("QueueWatch.look() tells of each change once, and of a broker that is away", async () => {
  let found = new Map<string, Depth | undefined>([["q-a", { ready: 1 }]]);
  let away = false;
  const told: string[] = [];
  const admin: Partial<QueueAdmin> = {
    look(queues) {
      assert.deepEqual(queues, ["q-a", "q-b"]);
      return away ? Promise.reject(new TransportUnavailable("it is away")) : Promise.resolve(found);
    },
  };
  const watch = new QueueWatch({
    queues: () => ["a", "b"].map((name) => ({ key: name, transport: "t", queue: `q-${name}` })),
    admin: () => Promise.resolve(admin as QueueAdmin),
    changed: (key) => told.push(key),
  });
  const look = async () => {
    await watch.look();
    return told.splice(0);
  };
  const states = () => ["a", "b"].map((key) => watch.state(key)?.state);
  assert.deepEqual(await look(), ["a", "b"]);
  assert.deepEqual(states(), ["found", "missing"], "nobody has made sure of either");
  assert.deepEqual(await look(), []);
  watch.set("a", { state: "ready" });
  found = new Map([["q-a", { ready: 1 }], ["q-b", { ready: 0 }]]);
  assert.deepEqual(await look(), ["a", "b"]);
  assert.deepEqual(watch.state("a"), { state: "ready", queued: 1 });
  assert.equal(watch.state("b")?.state, "found", "somebody else has made it");
  away = true;
  assert.deepEqual(await look(), ["a", "b"]);
  assert.deepEqual(watch.state("a"), { state: "failed", message: 'transport "t": it is away' });
  away = false;
  assert.deepEqual(await look(), ["a", "b"]);
  assert.deepEqual(states(), ["found", "found"], "the broker may have lost what led to them");
});
