import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { newCall } from "./envelopes/create.ts";
import { Publisher } from "./publisher.ts";
import { openSqliteStore } from "./store/sqlite.ts";

Deno.test("Publisher.sweep() leaves alone what waits or is being sent, however slow the broker is", async () => {
  const store = openSqliteStore(":memory:");
  let now = Date.now();
  const sent: string[] = [];
  const slow = Promise.withResolvers<void>();
  const publisher = new Publisher({
    store,
    log: createLogger({ level: "error" }),
    now: () => now,
    publish: async (out) => {
      await slow.promise;
      sent.push(...out.map(({ messageId }) => messageId!));
      return out.map(() => ({ ok: true }));
    },
  });
  const add = async (id: string) => {
    const record = newCall({ id, actors: ["a"], now, publishAfter: publisher.claim() });
    await store.create({ record }, "1");
    publisher.add({ record, payload: "1" });
  };
  const ids = Array.from({ length: 150 }, (_, n) => `e${n}`);
  for (const id of ids) await add(id);
  const left = newCall({ id: "left", actors: ["a"], now, publishAfter: now });
  await store.create({ record: left }, "1");
  for (let turn = 0; turn < 3; turn++) {
    now += 31_000; // past every claim
    await publisher.sweep();
    await publisher.sweep();
  }
  slow.resolve();
  await publisher.idle();
  assert.deepEqual(sent.toSorted(), [...ids, "left"].sort());
  await publisher.sweep();
  await publisher.idle();
  assert.equal(sent.length, 151);
  await store.close();
});

Deno.test("Publisher.sweep() takes up again what could not be sent", async () => {
  const store = openSqliteStore(":memory:");
  let now = Date.now();
  let tries = 0;
  const publisher = new Publisher({
    store,
    log: createLogger({ level: "error", write: () => undefined }),
    now: () => now,
    publish: (out) => {
      if (++tries === 1) return Promise.reject(new Error("broken"));
      return Promise.resolve(out.map(() => ({ ok: true })));
    },
  });
  const record = newCall({ id: "e", actors: ["a"], now, publishAfter: publisher.claim() });
  await store.create({ record }, "1");
  publisher.add({ record, payload: "1" });
  await publisher.idle();
  now += 31_000;
  await publisher.sweep();
  await publisher.idle();
  assert.equal(tries, 2);
  assert.equal((await store.head("e"))!.publishAfter, undefined);
  await store.close();
});
