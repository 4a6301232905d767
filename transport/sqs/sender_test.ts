import assert from "node:assert/strict";
import { message, put, take, takeOne, textOf, until } from "../conformance/subject.ts";
import { MessageTooLarge, TransportUnavailable } from "../queue.ts";
import { failEntries, refuse } from "./meddler.ts";
import { staged } from "./stage.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, i) => String(i));

staged("send() groups what is sent at once into batches of ten", async ({ meddler, work }) => {
  await Promise.all(numbered(25).map((text) => put(work, "work", text)));
  assert.equal(meddler.asked.get("SendMessageBatch"), 3);
  assert.deepEqual((await take(work, 25)).map(textOf).sort(), numbered(25).sort());
});

staged("send() reports the entries of a batch that failed, and no others", async (stage) => {
  const { meddler, work } = stage;
  meddler.meddle = (asked) =>
    asked.action === "SendMessageBatch"
      ? failEntries(asked, ["1"], "InternalError", "a disk broke")
      : asked.pass();
  const results = await work.send(["a", "b", "c"].map((text) => message("work", text)));
  assert.deepEqual(results.map(({ ok }) => ok), [true, false, true]);
  const [, failed] = results;
  assert.ok(failed?.ok === false && failed.error instanceof TransportUnavailable);
  assert.match(failed.error.message, /a disk broke \(InternalError\)/);
  assert.deepEqual((await take(work, 2)).map(textOf), ["a", "c"]);
});

staged("send() takes an entry that the answer does not mention for failed", async (stage) => {
  const { meddler, work } = stage;
  meddler.meddle = ({ action, pass }) =>
    action === "SendMessageBatch" ? Response.json({ Successful: [] }) : pass();
  const [result] = await work.send([message("work", "a")]);
  assert.ok(result?.ok === false && result.error instanceof TransportUnavailable);
});

staged("send() tries a throttled batch again", async ({ meddler, work }) => {
  let refusals = 2;
  meddler.meddle = ({ action, pass }) =>
    action === "SendMessageBatch" && refusals-- > 0 ? refuse("RequestThrottled") : pass();
  assert.deepEqual(await work.send([message("work", "a")]), [{ ok: true }]);
  assert.equal(meddler.asked.get("SendMessageBatch"), 3);
});

staged("send() fails after some tries while the service fails; trouble says so", async (stage) => {
  const { meddler, work, logged } = stage;
  meddler.meddle = () => refuse("InternalFailure", "it burns", 500);
  for (let i = 0; i < 2; i++) {
    const [result] = await work.send([message("work", "a")]);
    assert.ok(result?.ok === false && result.error instanceof TransportUnavailable);
    assert.equal(result.error.retryable, true);
  }
  assert.match(work.trouble ?? "", /SQS cannot be reached: it burns/);
  meddler.meddle = ({ pass }) => pass();
  assert.deepEqual(await work.send([message("work", "a")]), [{ ok: true }]);
  assert.equal(work.trouble, undefined);
  assert.deepEqual(logged, ["SQS cannot be reached; will try again", "SQS can be reached again"]);
});

staged("send() learns from the service what is too large", async ({ meddler, work }) => {
  meddler.meddle = (asked) =>
    asked.action === "SendMessageBatch"
      ? failEntries(
        asked,
        ["0"],
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 2000 bytes.",
      )
      : asked.pass();
  const body = new TextEncoder().encode("x".repeat(3000));
  for (const already of [false, true]) {
    const [result] = await work.send([{ actor: "work", body, messageId: "large" }]);
    assert.ok(result?.ok === false && result.error instanceof MessageTooLarge);
    assert.deepEqual([result.error.bytes, result.error.limit], [3000, 2000]);
    assert.equal(work.maxMessageBytes, 2000);
    assert.equal(meddler.asked.get("SendMessageBatch"), 1, already ? "asked again" : "");
  }
});

staged("send() halves a batch that is too much together, and remembers", async (stage) => {
  const { meddler, work } = stage;
  meddler.meddle = ({ action, input, pass }) => {
    if (action !== "SendMessageBatch") return pass();
    const bytes = input.Entries.reduce(
      (sum: number, { MessageBody }: { MessageBody: string }) => sum + MessageBody.length,
      0,
    );
    const text = "Batch requests cannot be longer than 5000 bytes. You have sent too many.";
    return bytes > 5000 ? refuse("BatchRequestTooLong", text) : pass();
  };
  const sendAll = () =>
    work.send(numbered(10).map((text) => message("work", text.padEnd(1000, "."))));
  assert.ok((await sendAll()).every(({ ok }) => ok));
  assert.equal(meddler.asked.get("SendMessageBatch"), 3);
  assert.ok((await sendAll()).every(({ ok }) => ok));
  assert.equal(meddler.asked.get("SendMessageBatch"), 5, "the limit is known");
  assert.equal((await take(work, 20)).length, 20);
});

staged(
  "send() wraps what does not look like text, and what the service takes for none",
  async (stage) => {
    const { work, meddler } = stage;
    meddler.meddle = async (asked) => {
      const { action, input, pass } = asked;
      const strange = action === "SendMessageBatch" && /odd/.test(input.Entries[0].MessageBody);
      return strange ? await failEntries(asked, ["0"], "InvalidMessageContents") : await pass();
    };
    assert.deepEqual(await work.send([message("work", "this is odd")]), [{ ok: true }]);
    assert.equal(textOf(await takeOne(work)), "this is odd");
  },
);

staged("send() refuses a body that is too large only in its wrapping", async ({ work }) => {
  const body = new Uint8Array(work.maxMessageBytes * 0.9);
  const [result] = await work.send([{ actor: "work", body, messageId: "binary" }]);
  assert.ok(result?.ok === false && result.error instanceof MessageTooLarge);
  const fits = new Uint8Array(result.error.limit);
  assert.deepEqual(await work.send([{ actor: "work", body: fits, messageId: "binary" }]), [
    { ok: true },
  ]);
  assert.equal((await takeOne(work)).body.length, fits.length);
});

staged("send() carries the largest message that there may be", async ({ work }) => {
  const text = "x".repeat(work.maxMessageBytes);
  await put(work, "work", text, "small", text);
  assert.deepEqual(
    (await take(work, 3)).map(({ body }) => body.length).sort(),
    [1_048_576, 1_048_576, 5],
  );
});

staged(
  "send() with a delay beyond what the service keeps parks the message again and again",
  async (stage) => {
    const { meddler, work } = stage;
    const start = performance.now();
    await work.send([message("work", "\u{0} later", 3_300)]);
    const delivery = await takeOne(work);
    assert.ok(performance.now() - start >= 3_299, "delivered too early");
    assert.equal(textOf(delivery), "\u{0} later");
    assert.equal(delivery.deliveries, 1);
    assert.ok((meddler.asked.get("SendMessageBatch") ?? 0) >= 3, "it was never sent again");
    await work.complete(delivery, []);
    await until(async () => {
      const { ready, inFlight, delayed } = await work.depth("work");
      return ready + inFlight! + delayed! === 0;
    }, "nothing is left");
  },
  { limits: { maxDelayS: 1 } },
);
