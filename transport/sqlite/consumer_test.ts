import assert from "node:assert/strict";
import { join } from "node:path";
import type { Delivery } from "../queue.ts";
import { drain, message, put, soon, take, takeOne, textOf } from "../conformance/subject.ts";
import { wakeFolder } from "./file.ts";
import { withFile } from "./fixture.ts";

withFile("receive() stands a bell that rings for nothing", async ({ path, open }) => {
  const queue = open().queue("work");
  await queue.declare("work");
  const arrival = takeOne(queue);
  for (const bell of ["bell-1", "bell-77", "bell-x", "other"]) {
    Deno.writeTextFileSync(join(wakeFolder(path), bell), "");
  }
  await put(open().queue("work"), "work", "real");
  assert.equal(textOf(await arrival), "real");
});

withFile("receive() finds messages also when no bell can be heard", async ({ path, open }) => {
  const queue = open().queue("work");
  await queue.declare("work");
  const arrival = takeOne(queue);
  const sender = open().queue("work");
  Deno.removeSync(wakeFolder(path), { recursive: true });
  await put(sender, "work", "silent");
  assert.equal(textOf(await arrival), "silent");
});

withFile("receive() gives a released message its old place", async ({ open }) => {
  const queue = open().queue("work");
  await queue.declare("work");
  await put(queue, "work", "a", "b", "c");
  const [first] = await take(queue, 2);
  await first!.release();
  assert.deepEqual(await drain(queue, 2), ["a", "c"]);
});

withFile("receive() does not let delayed messages starve behind ready ones", async ({ open }) => {
  let time = 1_000_000;
  const queue = open({ now: () => time }).queue("work");
  await queue.declare("work");
  await queue.send([message("work", "delayed", 5000)]);
  await put(queue, "work", "a", "b");
  assert.deepEqual(await drain(queue, 1), ["a"]);
  assert.deepEqual(await queue.depth("work"), { ready: 1, inFlight: 0, delayed: 1 });
  time += 5000;
  assert.deepEqual(await queue.depth("work"), { ready: 2, inFlight: 0, delayed: 0 });
  assert.deepEqual(await drain(queue, 2), ["delayed", "b"]);
});

withFile("receive() holds no more than 64 MiB and one message unsettled", async ({ open }) => {
  const queue = open().queue("work");
  await queue.declare("work");
  const body = new Uint8Array(30 * 1024 * 1024);
  for (let i = 0; i < 5; i++) await queue.send([{ actor: "work", body, messageId: "large" }]);
  const stop = new AbortController();
  const inbox = queue.receive({ prefetch: () => 5, signal: stop.signal })[Symbol.asyncIterator]();
  const held: Delivery[] = [];
  const next = async () => {
    const { value } = await soon(Promise.resolve(inbox.next()), "a delivery");
    if (value) held.push(value);
  };
  for (let i = 0; i < 3; i++) await next();
  for (let left = 2; left > 0; left--) {
    assert.deepEqual(await queue.depth("work"), { ready: left, inFlight: 3, delayed: 0 });
    await queue.complete(held.shift()!, []);
    await next();
  }
  assert.deepEqual(await queue.depth("work"), { ready: 0, inFlight: 3, delayed: 0 });
  stop.abort();
});

withFile("send() and receive() carry 80 MB", async ({ open }) => {
  const queue = open().queue("work");
  await queue.declare("work");
  const body = new Uint8Array(80_000_000);
  body[79_999_999] = 7;
  assert.deepEqual(await queue.send([{ actor: "work", body, messageId: "large" }]), [{ ok: true }]);
  const delivery = await takeOne(queue);
  assert.equal(delivery.body.length, 80_000_000);
  assert.equal(delivery.body[79_999_999], 7);
  assert.deepEqual(await queue.complete(delivery, []), []);
});
