/** What is promised when a delivery is settled: exactly once, and only with durable successors. */

import assert from "node:assert/strict";
import { DeliveryLost, MessageTooLarge, type Queue, QueueMissing } from "../queue.ts";
import { type Define, drain, message, put, takeOne, textOf, until } from "./subject.ts";

async function isEmpty(queue: Queue, actor: string): Promise<boolean> {
  const { ready, inFlight = 0, delayed = 0 } = await queue.depth(actor);
  return ready + inFlight + delayed === 0;
}

/** Registers the cases. */
export function settling(define: Define): void {
  define("complete() sends the successors and removes the input", async ({ queue }) => {
    const [work, next] = [await queue("work"), await queue("next")];
    await put(work, "work", "input");
    const results = await work.complete(await takeOne(work), [
      message("next", "one"),
      message("next", "two"),
    ]);
    assert.deepEqual(results, [{ ok: true }, { ok: true }]);
    assert.deepEqual(await drain(next, 2), ["one", "two"]);
    await until(() => isEmpty(work, "work"), "the input is gone");
  });

  define(
    "complete() settles nothing while an entry fails; a second call with the failed ones does",
    async ({ queue, transport }) => {
      const [work, next] = [await queue("work"), await queue("next")];
      await put(work, "work", "input");
      const delivery = await takeOne(work);
      const entries = [message("next", "good"), message("late", "early")];
      const results = await work.complete(delivery, entries);
      assert.deepEqual(results.map(({ ok }) => ok), [true, false]);
      const failed = results[1]!;
      assert.ok(!failed.ok && failed.error instanceof QueueMissing);
      assert.deepEqual(await drain(next, 1), ["good"]);

      await work.declare("late");
      assert.deepEqual(await work.complete(delivery, entries.slice(1)), [{ ok: true }]);
      assert.deepEqual(await drain(transport.queue("late"), 1), ["early"]);
      await until(() => isEmpty(work, "work"), "the input is gone");
    },
  );

  define(
    "complete() with a failed entry leaves the input to be delivered again",
    async ({ queue }) => {
      const work = await queue("work");
      await put(work, "work", "input");
      const delivery = await takeOne(work);
      const body = new Uint8Array(work.maxMessageBytes + 1);
      const [result] = await work.complete(delivery, [{ actor: "work", body, messageId: "large" }]);
      assert.ok(result?.ok === false && result.error instanceof MessageTooLarge);
      await delivery.release();
      assert.deepEqual(await drain(work, 1), ["input"]);
    },
  );

  define(
    "Transport.close() right after complete() brings nothing back",
    async ({ queue, transport, reopen }) => {
      const work = await queue("work");
      const texts = Array.from({ length: 100 }, (_, n) => String(n));
      await put(work, "work", ...texts);
      const stop = new AbortController();
      const settling: Promise<unknown>[] = [];
      for await (const d of work.receive({ prefetch: () => 100, signal: stop.signal })) {
        settling.push(work.complete(d, []));
        if (settling.length === 100) stop.abort();
      }
      await Promise.all(settling);
      await transport.close();
      const again = (await reopen()).queue("work");
      await put(again, "work", "next");
      assert.deepEqual(await drain(again, 1), ["next"]);
      await until(() => isEmpty(again, "work"), "nothing came back");
    },
  );

  define("release() gives the message back, its deliveries counted", async ({ queue }) => {
    const work = await queue("work");
    await put(work, "work", "again", "other");
    const first = await takeOne(work);
    assert.equal(textOf(first), "again");
    if (first.deliveries !== undefined) assert.equal(first.deliveries, 1);
    await first.release();
    const texts = new Set<string>();
    for (let i = 0; i < 2; i++) {
      const next = await takeOne(work);
      texts.add(textOf(next));
      if (textOf(next) === "again" && next.deliveries !== undefined) {
        assert.equal(next.deliveries, 2);
      }
      await work.complete(next, []);
    }
    assert.deepEqual([...texts].sort(), ["again", "other"]);
  });

  define(
    "DeliveryLost is what a second settling gets, and it changes nothing",
    async ({ queue }) => {
      const work = await queue("work");
      const next = await queue("next");
      await put(work, "work", "once");
      const delivery = await takeOne(work);
      await work.complete(delivery, [message("next", "successor")]);
      await assert.rejects(delivery.release(), DeliveryLost);
      await assert.rejects(delivery.deadLetter("late"), DeliveryLost);
      await assert.rejects(work.complete(delivery, []), DeliveryLost);
      assert.deepEqual(await drain(next, 1), ["successor"]);
      await until(() => isEmpty(work, "work"), "nothing came back");
      assert.deepEqual(await work.deadLetters("work").list(10), []);
    },
  );

  define(
    "DeliveryLost is what settling gets after somebody else was given the message",
    async (subject) => {
      const work = await subject.queue("work");
      await put(work, "work", "mine?");
      const lost = await takeOne(work);
      await subject.seize();
      const other = (await subject.reopen()).queue("work");
      const held = await takeOne(other);
      assert.equal(textOf(held), "mine?");
      if (held.deliveries !== undefined) assert.equal(held.deliveries, 2);
      await assert.rejects(lost.release(), DeliveryLost);
      await assert.rejects(lost.deadLetter("late"), DeliveryLost);
      await assert.rejects(work.complete(lost, []), DeliveryLost);
      assert.deepEqual(await other.complete(held, []), []);
      await until(() => isEmpty(work, "work"), "the message is settled once");
    },
  );

  define(
    "deadLetter() keeps body and reason until they are discarded",
    async ({ queue, reopen }) => {
      const work = await queue("work");
      await put(work, "work", "bad one", "bad two");
      const before = Date.now();
      await (await takeOne(work)).deadLetter("cannot be read");
      await (await takeOne(work)).deadLetter("neither");
      const letters = (await reopen()).queue("work").deadLetters("work");
      const [one, two] = await letters.list(10);
      assert.deepEqual([textOf(one!), one!.reason], ["bad one", "cannot be read"]);
      assert.deepEqual([textOf(two!), two!.reason], ["bad two", "neither"]);
      assert.ok(Math.abs(one!.at.getTime() - before) < 60_000, `at ${one!.at}`);
      assert.equal((await letters.list(1)).length, 1);

      assert.equal(await letters.discard(one!.key), true);
      assert.equal(await letters.discard(one!.key), false);
      assert.deepEqual((await letters.list(10)).map(textOf), ["bad two"]);
    },
  );

  define("deadLetters().replay() puts a message back once", async ({ queue }) => {
    const work = await queue("work");
    await put(work, "work", "retry me");
    await (await takeOne(work)).deadLetter("handler was wrong");
    const letters = work.deadLetters("work");
    const [letter] = await letters.list(10);
    assert.equal(await letters.replay(letter!.key), true);
    assert.equal(await letters.replay(letter!.key), false);
    assert.equal(await letters.replay("no such key"), false);
    assert.deepEqual(await letters.list(10), []);
    assert.deepEqual(await drain(work, 1), ["retry me"]);
  });
}
