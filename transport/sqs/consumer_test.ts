import assert from "node:assert/strict";
import { message, put, soon, take, takeOne, textOf, until } from "../conformance/subject.ts";
import type { Delivery } from "../queue.ts";
import { refuse } from "./meddler.ts";
import { staged } from "./stage.ts";

staged(
  "receive() goes on when the service is back; trouble and one warning say so",
  async (stage) => {
    const { meddler, work, other, logged } = stage;
    const arrival = takeOne(work);
    await until(() => meddler.asked.has("ReceiveMessage"), "it waits");
    await meddler.stop();
    await until(() => /SQS cannot be reached/.test(work.trouble ?? ""), "trouble");
    const troubles = new Set<string | undefined>();
    const end = performance.now() + 700;
    await until(() => troubles.add(work.trouble) && performance.now() > end, "some tries more");
    assert.ok(!troubles.has(undefined), "it was fine in between");
    await meddler.start();
    await put(other.queue("work"), "work", "at last");
    assert.equal(textOf(await arrival), "at last");
    assert.equal(work.trouble, undefined);
    assert.deepEqual(logged.filter((line) => /cannot/.test(line)).length, 1, logged.join("; "));
    assert.equal(logged.at(-1), "messages can be received again");
  },
);

staged("receive() waits while too many messages are in flight, and says so", async (stage) => {
  const { meddler, work, logged } = stage;
  await put(work, "work", "a");
  let refusals = 2;
  meddler.meddle = ({ action, pass }) =>
    action === "ReceiveMessage" && refusals-- > 0 ? refuse("OverLimit", "too many", 403) : pass();
  const arrival = takeOne(work);
  await until(() => work.trouble !== undefined, "trouble");
  assert.match(work.trouble!, /too many \(OverLimit\); too many messages are in flight/);
  assert.equal(textOf(await arrival), "a");
  assert.deepEqual(logged, [
    "cannot receive now; will try again",
    "messages can be received again",
  ]);
});

staged("receive() looks again for a queue that was deleted", async ({ work, meddler }) => {
  let gone = true;
  meddler.meddle = ({ action, pass }) =>
    gone && /ReceiveMessage|GetQueueUrl/.test(action) ? refuse("QueueDoesNotExist") : pass();
  const arrival = takeOne(work);
  await until(() => /has no queue/.test(work.trouble ?? ""), "trouble");
  gone = false;
  await put(work, "work", "a");
  assert.equal(textOf(await arrival), "a");
});

staged(
  "receive() asks for ten at a time and never for more than it has room for",
  async (stage) => {
    const { meddler, work } = stage;
    await put(work, "work", ...Array.from({ length: 50 }, (_, i) => String(i)));
    const asked: number[] = [];
    meddler.meddle = ({ action, input, pass }) => {
      if (action === "ReceiveMessage") asked.push(input.MaxNumberOfMessages);
      return pass();
    };
    const held = await take(work, 34);
    assert.deepEqual(asked, [10, 10, 10, 4]);
    assert.equal((await work.depth("work")).ready, 16);
    await Promise.all(held.map((delivery) => delivery.release()));
  },
);

staged("receive() gives back at once what comes too late", async ({ work, other, meddler }) => {
  const stop = new AbortController();
  const inbox = work.receive({ prefetch: () => 5, signal: stop.signal })[Symbol.asyncIterator]();
  const end = inbox.next();
  await until(() => meddler.asked.has("ReceiveMessage"), "it waits");
  stop.abort();
  assert.equal((await soon(end, "the end")).done, true);
  await put(other.queue("work"), "work", "late");
  const start = performance.now();
  assert.equal(textOf(await takeOne(other.queue("work"))), "late");
  assert.ok(performance.now() - start < 10_000, "it was out of sight");
});

staged("receive() holds about 64 MiB unsettled and no more", async ({ other }) => {
  const work = other.queue("work");
  const text = "x".repeat(1024 * 1024);
  for (let i = 0; i < 7; i++) await put(work, "work", ...Array.from({ length: 10 }, () => text));
  const stop = new AbortController();
  const held: Delivery[] = [];
  const receiving = (async () => {
    for await (const d of work.receive({ prefetch: () => 100, signal: stop.signal })) held.push(d);
  })();
  await until(() => held.length === 64, "64 are held");
  assert.equal((await work.depth("work")).ready, 6);
  await work.complete(held[0]!, []);
  await until(() => held.length === 65, "there is room again");
  assert.equal((await work.depth("work")).ready, 5);
  stop.abort();
  await soon(receiving, "the end");
});

staged("receive() does not show what is not due, and does not count it", async ({ work }) => {
  await work.send([message("work", "later", 2_500)]);
  await put(work, "work", "now");
  const [now, later] = await take(work, 2);
  assert.deepEqual([textOf(now!), textOf(later!)], ["now", "later"]);
  assert.equal(later!.deliveries, 1);
}, { limits: { maxDelayS: 1 } });
