/** What is promised for messages on their way in: order, limits, delays. */

import assert from "node:assert/strict";
import { MessageTooLarge, QueueMissing } from "../queue.ts";
import { type Define, drain, message, put, take, textOf } from "./subject.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, i) => String(i));

/** Registers the cases. */
export function sending(define: Define): void {
  define("receive() delivers in the order of send()", async ({ queue }) => {
    const work = await queue("work");
    const texts = numbered(200);
    for (const text of texts.slice(0, 20)) await put(work, "work", text);
    await put(work, "work", ...texts.slice(20));
    assert.deepEqual(await drain(work, 200), texts);
  }, { order: true });

  define("send() keeps every byte, also of an empty body", async ({ queue }) => {
    const work = await queue("work");
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const bodies = [all.subarray(3, 250), new Uint8Array(0)];
    await work.send(bodies.map((body) => ({ actor: "work", body, messageId: "bytes" })));
    const deliveries = await take(work, 2);
    assert.deepEqual(deliveries.map(({ body }) => [...body]), bodies.map((body) => [...body]));
  });

  define("send() reaches any declared actor and refuses only the others", async ({ queue }) => {
    const work = await queue("work");
    const other = await queue("other");
    const results = await work.send([
      message("other", "first"),
      message("nobody", "lost?"),
      message("other", "second"),
    ]);
    assert.deepEqual(results.map(({ ok }) => ok), [true, false, true]);
    const [, refused] = results;
    assert.ok(refused?.ok === false && refused.error instanceof QueueMissing);
    assert.equal(refused.error.actor, "nobody");
    assert.deepEqual(await drain(other, 2), ["first", "second"]);
  });

  define("send() of nothing answers nothing", async ({ queue }) => {
    assert.deepEqual(await (await queue("work")).send([]), []);
  });

  define("declare() of a queue that exists keeps its messages", async ({ queue }) => {
    const work = await queue("work");
    await put(work, "work", "kept");
    await work.declare("work");
    assert.deepEqual(await drain(work, 1), ["kept"]);
  });

  define("send() refuses a body over maxMessageBytes and takes the rest", async ({ queue }) => {
    const work = await queue("work");
    const body = new Uint8Array(work.maxMessageBytes + 1);
    const [tooLarge, fine] = await work.send([
      { actor: "work", body, messageId: "large" },
      message("work", "small"),
    ]);
    assert.ok(tooLarge?.ok === false && tooLarge.error instanceof MessageTooLarge);
    assert.equal(tooLarge.error.limit, work.maxMessageBytes);
    assert.deepEqual(fine, { ok: true });
    assert.deepEqual(await drain(work, 1), ["small"]);
  });

  define(
    "send() with delayMs delivers not before its time, and lets others pass",
    async ({ queue }) => {
      const work = await queue("work");
      const start = performance.now();
      await work.send([message("work", "later", 300), message("work", "now")]);
      const [first, second] = await take(work, 2);
      assert.deepEqual([textOf(first!), textOf(second!)], ["now", "later"]);
      assert.ok(performance.now() - start >= 299, "delivered too early");
    },
  );

  define(
    "send() with delayMs survives the end of the sender",
    async ({ queue, transport, reopen }) => {
      const work = await queue("work");
      const start = performance.now();
      await work.send([message("work", "later", 400)]);
      await transport.close();
      const again = (await reopen()).queue("work");
      assert.deepEqual(await drain(again, 1), ["later"]);
      assert.ok(performance.now() - start >= 399, "delivered too early");
    },
  );

  define("depth() counts what is ready, and the rest where it is known", async ({ queue }) => {
    const work = await queue("work");
    await put(work, "work", "a", "b", "c");
    await work.send([message("work", "later", 60_000)]);
    const [held] = await take(work, 1);
    const { ready, inFlight, delayed } = await work.depth("work");
    assert.equal(ready, 2);
    if (inFlight !== undefined) assert.equal(inFlight, 1);
    if (delayed !== undefined) assert.equal(delayed, 1);
    await work.complete(held!, []);
    await assert.rejects(work.depth("nobody"), QueueMissing);
  });
}
