import assert from "node:assert/strict";
import { message, put, soon, take, takeOne, textOf, until } from "../conformance/subject.ts";
import { DeliveryLost, type Queue, TransportUnavailable } from "../queue.ts";
import { failEntries, refuse } from "./meddler.ts";
import { staged } from "./stage.ts";

async function count(queue: Queue): Promise<number> {
  const { ready, inFlight = 0, delayed = 0 } = await queue.depth("work");
  return ready + inFlight + delayed;
}

staged("complete() deletes what is settled at once in one batch", async ({ meddler, work }) => {
  await put(work, "work", ..."abcdefghij");
  const deliveries = await take(work, 10);
  await Promise.all(deliveries.map((delivery) => work.complete(delivery, [])));
  assert.equal(meddler.asked.get("DeleteMessageBatch"), 1);
  assert.equal(await count(work), 0);
});

staged("complete() deletes nothing while a successor is refused", async ({ meddler, work }) => {
  await put(work, "work", "input");
  const delivery = await takeOne(work);
  meddler.meddle = (asked) =>
    asked.action === "SendMessageBatch" ? failEntries(asked, ["1"], "InternalError") : asked.pass();
  const out = [message("work", "one"), message("work", "two")];
  const results = await work.complete(delivery, out);
  assert.deepEqual(results.map(({ ok }) => ok), [true, false]);
  assert.equal(meddler.asked.get("DeleteMessageBatch"), undefined);
  meddler.meddle = ({ pass }) => pass();
  assert.deepEqual(await work.complete(delivery, out.slice(1)), [{ ok: true }]);
  assert.deepEqual((await take(work, 2)).map(textOf).sort(), ["one", "two"]);
});

staged("complete() tries again to delete what the service failed to delete", async (stage) => {
  const { meddler, work } = stage;
  await put(work, "work", "a", "b");
  const deliveries = await take(work, 2);
  let failures = 2;
  meddler.meddle = (asked) =>
    asked.action === "DeleteMessageBatch" && failures-- > 0
      ? failEntries(asked, ["0"], "InternalError")
      : asked.pass();
  const done = await Promise.all(deliveries.map((delivery) => work.complete(delivery, [])));
  assert.deepEqual(done, [[], []]);
  assert.equal(await count(work), 0);
});

staged(
  "complete() does not send again what is durable when only the input was left",
  async (stage) => {
    const { meddler, work } = stage;
    await put(work, "work", "input");
    const delivery = await takeOne(work);
    meddler.meddle = ({ action, pass }) =>
      action === "DeleteMessageBatch" ? refuse("ServiceUnavailable", "closed", 503) : pass();
    const out = [message("work", "successor")];
    const [result] = await work.complete(delivery, out);
    assert.ok(result?.ok === false && result.error instanceof TransportUnavailable);
    await assert.rejects(work.complete(delivery, []), TransportUnavailable);
    meddler.meddle = ({ pass }) => pass();
    assert.deepEqual(await work.complete(delivery, out), [{ ok: true }]);
    assert.equal(textOf(await takeOne(work)), "successor");
    assert.equal(await count(work), 1);
  },
);

staged("DeliveryLost is what complete() gets when the receipt is invalid", async (stage) => {
  const { meddler, work } = stage;
  await put(work, "work", "input");
  const delivery = await takeOne(work);
  meddler.meddle = (asked) =>
    asked.action === "DeleteMessageBatch"
      ? failEntries(asked, ["0"], "ReceiptHandleIsInvalid")
      : asked.pass();
  await assert.rejects(work.complete(delivery, []), DeliveryLost);
  await assert.rejects(delivery.release(), DeliveryLost);
});

staged(
  "DeliveryLost is what settling gets when no sign of life got through; nothing is sent",
  async (stage) => {
    const { meddler, work, other } = stage;
    await put(work, "work", "input");
    const delivery = await takeOne(work);
    const sent = meddler.asked.get("SendMessageBatch");
    meddler.meddle = ({ action, pass }) =>
      action === "ChangeMessageVisibilityBatch" ? refuse("InternalFailure", "no", 500) : pass();
    const again = await takeOne(other.queue("work"));
    assert.equal(textOf(again), "input");
    await assert.rejects(work.complete(delivery, [message("work", "successor")]), {
      name: "DeliveryLost",
      message: /no sign of life reached SQS for 2 s/,
    });
    await assert.rejects(delivery.deadLetter("late"), DeliveryLost);
    assert.equal(meddler.asked.get("SendMessageBatch"), sent);
    assert.equal(meddler.asked.get("DeleteMessageBatch"), undefined);
  },
  { visibility: 2 },
);

staged(
  "Leases keeps a delivery while single signs of life fail",
  async ({ meddler, work, other }) => {
    await put(work, "work", "slow");
    const delivery = await takeOne(work);
    let signs = 0;
    meddler.meddle = (asked) =>
      asked.action === "ChangeMessageVisibilityBatch" && signs++ % 2 === 0
        ? failEntries(asked, ["0"], "InternalError")
        : asked.pass();
    await until(() => signs >= 10, "ten signs of life");
    assert.deepEqual(await work.complete(delivery, [message("work", "next")]), [{ ok: true }]);
    assert.equal(textOf(await takeOne(other.queue("work"))), "next");
  },
  { visibility: 1 },
);

staged(
  "Leases sends signs of life in batches, also for deliveries that still wait",
  async (stage) => {
    const { meddler, work, other } = stage;
    await put(work, "work", ...Array.from({ length: 20 }, (_, i) => String(i)));
    const stop = new AbortController();
    const inbox = work.receive({ prefetch: () => 20, signal: stop.signal })[Symbol.asyncIterator]();
    const { value: first } = await soon(inbox.next(), "a delivery");
    await until(async () => (await work.depth("work")).ready === 0, "all are here");
    let signs = 0;
    let extended = 0;
    meddler.meddle = ({ action, input, pass }) => {
      if (action === "ChangeMessageVisibilityBatch") signs++, extended += input.Entries.length;
      return pass();
    };
    await until(() => extended >= 100, "five signs of life of each");
    assert.ok(extended / signs >= 5, `${extended} in ${signs} requests`);
    const { ready, inFlight } = await other.queue("work").depth("work");
    assert.deepEqual([ready, inFlight], [0, 20]);
    assert.deepEqual(await work.complete(first!, []), []);
    stop.abort();
  },
  { visibility: 1 },
);

staged(
  "DeliveryLost after the longest that SQS lets anybody hold a message says so",
  async (stage) => {
    const { work, other } = stage;
    await put(work, "work", "endless");
    const delivery = await takeOne(work);
    assert.equal(textOf(await takeOne(other.queue("work"))), "endless");
    await assert.rejects(work.complete(delivery, []), {
      name: "DeliveryLost",
      message: /SQS lets nobody hold a message for more than/,
    });
  },
  { visibility: 1, limits: { maxHoldMs: 2_500 } },
);

staged(
  "release() while the service is away gives the message back when it is there again",
  async (stage) => {
    const { meddler, work, other } = stage;
    await put(work, "work", "again");
    const delivery = await takeOne(work);
    meddler.meddle = () => refuse("InternalFailure", "no", 500);
    await delivery.release();
    meddler.meddle = ({ pass }) => pass();
    const start = performance.now();
    assert.equal(textOf(await takeOne(other.queue("work"))), "again");
    assert.ok(performance.now() - start < 10_000, "it came back only when its time was over");
  },
);

staged("deadLetter() that could not delete does not bury twice", async ({ meddler, work }) => {
  await put(work, "work", "bad");
  const delivery = await takeOne(work);
  meddler.meddle = ({ action, pass }) =>
    action === "DeleteMessageBatch" ? refuse("ServiceUnavailable", "closed", 503) : pass();
  await assert.rejects(delivery.deadLetter("cannot be read"), TransportUnavailable);
  meddler.meddle = ({ pass }) => pass();
  await delivery.deadLetter("cannot be read");
  assert.equal((await work.deadLetters("work").list(10)).length, 1);
  assert.equal(await count(work), 0);
});
