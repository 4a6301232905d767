/** What is promised to a consumer: how many at once, for how long, and how it ends. */

import assert from "node:assert/strict";
import { type Delivery, QueueMissing } from "../queue.ts";
import { type Define, drain, message, put, soon, take, takeOne, textOf, until } from "./subject.ts";

/** Registers the cases. */
export function receiving(define: Define): void {
  define("receive() keeps within prefetch, also when that changes", async ({ queue }) => {
    const work = await queue("work");
    await put(work, "work", ...Array.from({ length: 30 }, (_, i) => String(i)));
    const stop = new AbortController();
    const held: Delivery[] = [];
    let prefetch = 3;
    const receiving = (async () => {
      for await (const d of work.receive({ prefetch: () => prefetch, signal: stop.signal })) {
        held.push(d);
      }
    })();
    const settleOne = () => work.complete(held.shift()!, []);
    const claimed = async () => {
      const { ready } = await work.depth("work");
      return 30 - settled - ready;
    };
    let settled = 0;

    await until(() => held.length === 3, "three are held");
    assert.equal(await claimed(), 3);
    prefetch = 5;
    await until(() => held.length === 5, "five are held after prefetch was raised");
    assert.equal(await claimed(), 5);
    prefetch = 2;
    while (settled < 3) {
      await settleOne();
      settled++;
    }
    assert.equal(held.length, 2);
    assert.equal(await claimed(), 2);
    await settleOne();
    settled++;
    await until(() => held.length === 2, "two are held after prefetch was lowered");
    assert.equal(await claimed(), 2);
    stop.abort();
    await soon(receiving, "the end");
  });

  define(
    "receive() delivers at once what comes after it began to wait",
    async ({ queue, reopen }) => {
      const work = await queue("work");
      const sender = (await reopen()).queue("work");
      const stop = new AbortController();
      const inbox = work.receive({ prefetch: () => 1, signal: stop.signal })
        [Symbol.asyncIterator]();
      let waited = 0;
      for (let i = 0; i < 3; i++) {
        const arrival = inbox.next();
        const rest = performance.now() + 300;
        await until(() => performance.now() > rest, "the consumer is at rest");
        const start = performance.now();
        await put(sender, "work", `hello ${i}`);
        const { value } = await soon(arrival, "the message");
        waited += performance.now() - start;
        assert.equal(textOf(value!), `hello ${i}`);
        await work.complete(value!, []);
      }
      stop.abort();
      await soon(inbox.next(), "the end");
      assert.ok(waited < 1000, `three messages took ${waited} ms: somebody polls`);
    },
  );

  define("receive() of a missing queue throws QueueMissing", async ({ transport }) => {
    await assert.rejects(take(transport.queue("nobody"), 1), QueueMissing);
  });

  define("receive() ends when aborted; what was handed out can be settled", async ({ queue }) => {
    const [work, next] = [await queue("work"), await queue("next")];
    await put(work, "work", "a", "b", "c");
    const stop = new AbortController();
    const handed: Delivery[] = [];
    for await (const d of work.receive({ prefetch: () => 2, signal: stop.signal })) {
      handed.push(d);
      stop.abort();
    }
    assert.equal(handed.length, 1);
    await until(
      async () => (await work.depth("work")).ready === 2,
      "what was not handed out is back",
    );
    assert.deepEqual(await work.complete(handed[0]!, [message("next", "done")]), [{ ok: true }]);
    assert.deepEqual(await drain(next, 1), ["done"]);
    assert.deepEqual((await drain(work, 2)).sort(), ["b", "c"]);
  });

  define("receive() with a signal that is aborted delivers nothing", async ({ queue }) => {
    const work = await queue("work");
    await put(work, "work", "kept");
    for await (const _ of work.receive({ prefetch: () => 1, signal: AbortSignal.abort() })) {
      assert.fail("delivered");
    }
    assert.deepEqual(await drain(work, 1), ["kept"]);
  });

  define(
    "Queue.close() gives back what is unsettled and ends receive()",
    async ({ queue, reopen }) => {
      const work = await queue("work");
      await put(work, "work", "a", "b");
      const inbox = work.receive({ prefetch: () => 5, signal: new AbortController().signal })
        [Symbol.asyncIterator]();
      await soon(inbox.next(), "a delivery");
      await soon(inbox.next(), "another one");
      const end = inbox.next();
      await work.close();
      await work.close();
      assert.equal((await soon(end, "the end")).done, true);
      const other = (await reopen()).queue("work");
      assert.deepEqual((await drain(other, 2)).sort(), ["a", "b"]);
    },
  );

  define(
    "Transport.close() gives back what is unsettled, and may be called twice",
    async ({ queue, transport, reopen }) => {
      const work = await queue("work");
      await put(work, "work", "a");
      await takeOne(work);
      await transport.close();
      await transport.close();
      assert.deepEqual(await drain((await reopen()).queue("work"), 1), ["a"]);
    },
  );

  define(
    "receive() keeps a message for a handler that takes longer than the lease",
    async (subject) => {
      const { leaseMs } = subject;
      assert.ok(leaseMs);
      const work = await subject.queue("work");
      await put(work, "work", "slow");
      const slow = await takeOne(work);
      const stop = new AbortController();
      const stolen: Delivery[] = [];
      const other = (await subject.reopen()).queue("work");
      const watching = (async () => {
        for await (const d of other.receive({ prefetch: () => 1, signal: stop.signal })) {
          stolen
            .push(d);
        }
      })();
      const end = performance.now() + 4 * leaseMs;
      await until(() => stolen.length > 0 || performance.now() > end, "four leases passed");
      assert.equal(stolen.length, 0, "delivered to somebody else although the handler lives");
      assert.deepEqual(await work.complete(slow, []), []);
      stop.abort();
      await soon(watching, "the end");
    },
    { lease: true },
  );
}
