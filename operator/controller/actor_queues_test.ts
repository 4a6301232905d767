import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import type { QueueAdmin } from "@asya/transport";
import { exampleActor, exampleConfig, withRuntime } from "../specs/example.ts";
import { ActorQueues } from "./actor_queues.ts";

const KEY = "work/prep";

/** Queues behind an administration that can do what a test says. */
function queuesOf(admin: Partial<QueueAdmin>) {
  const changed: string[] = [];
  const queues = new ActorQueues({
    admins: { get: () => Promise.resolve(admin as QueueAdmin) },
    config: exampleConfig,
    secrets: () => new Map(),
    changed: (key) => changed.push(key),
    log: createLogger({ level: "error" }),
  });
  return { queues, changed };
}

Deno.test("ActorQueues.ensure() calls a queue ready only when something leads to it", async () => {
  let there = false;
  const adopted: boolean[] = [];
  const { queues, changed } = queuesOf({
    adopt() {
      adopted.push(there);
      const was = there;
      there = true; // somebody makes it in the moment after it was looked for
      return Promise.resolve(was);
    },
    look: () => Promise.resolve(new Map([["orders", { ready: 3 }]])),
  });
  const actor = exampleActor(`{ queueName: orders, ${withRuntime()} }`);
  const first = await queues.ensure(KEY, actor);
  assert.equal(first.state, "failed");
  assert.match(JSON.stringify(first), /there is no queue .*orders/);
  await queues.look();
  assert.deepEqual(changed, [KEY]);
  assert.deepEqual(await queues.ensure(KEY, actor), { state: "ready", queued: 3 });
  assert.deepEqual(adopted, [false, true]);
  assert.deepEqual(await queues.ensure(KEY, actor), { state: "ready", queued: 3 });
  assert.equal(adopted.length, 2, "once is enough");
});

Deno.test("ActorQueues.ensure() makes sure of a queue again after its broker was away", async () => {
  let away = false;
  let made = 0;
  const { queues, changed } = queuesOf({
    queueName: (actor) => `asya-${actor}`,
    ensure() {
      made++;
      return Promise.resolve();
    },
    look(names) {
      if (away) return Promise.reject(new Error("away"));
      return Promise.resolve(new Map(names.map((name) => [name, { ready: 0 }])));
    },
  });
  const actor = exampleActor(`{ ${withRuntime()} }`);
  assert.deepEqual(await queues.ensure(KEY, actor), { state: "ready" });
  away = true;
  await queues.look();
  assert.equal((await queues.ensure(KEY, actor)).state, "failed");
  away = false;
  await queues.look();
  assert.deepEqual(changed, [KEY, KEY]);
  assert.deepEqual(await queues.ensure(KEY, actor), { state: "ready" });
  assert.equal(made, 2);
});
