import assert from "node:assert/strict";
import { SQS } from "@aws-sdk/client-sqs";
import { put, takeOne, textOf } from "../conformance/subject.ts";
import { sqsQueueName } from "../names.ts";
import { QueueMissing, TransportUnavailable } from "../queue.ts";
import { ENDPOINT } from "./fixture.ts";
import { staged } from "./stage.ts";

/** Runs with the service's own client. */
async function withClient(run: (sqs: SQS) => Promise<void>): Promise<void> {
  const sqs = new SQS({ endpoint: ENDPOINT, region: "us-east-1" });
  await run(sqs).finally(() => sqs.destroy());
}

staged("deadLetters().list() shows what SQS moved by itself, and says so", async (stage) => {
  const { work, prefix } = stage;
  await withClient(async (sqs) => {
    const { QueueUrl } = await sqs.getQueueUrl({ QueueName: sqsQueueName("work-dlq", prefix) });
    await sqs.sendMessage({ QueueUrl, MessageBody: "moved" });
  });
  const [letter] = await work.deadLetters("work").list(10);
  assert.equal(textOf(letter!), "moved");
  assert.match(letter!.reason, /received too often/);
  assert.equal(await work.deadLetters("work").replay(letter!.key), true);
  assert.equal(textOf(await takeOne(work)), "moved");
});

staged(
  "deadLetter() uses the queue that the redrive policy names; letters of others stay apart",
  async (stage) => {
    const { transport, work, prefix } = stage;
    const shared = sqsQueueName("all-dlq", prefix);
    await withClient(async (sqs) => {
      const { QueueUrl: all } = await sqs.createQueue({ QueueName: shared });
      const { Attributes } = await sqs.getQueueAttributes({
        QueueUrl: all,
        AttributeNames: ["QueueArn"],
      });
      const RedrivePolicy = JSON.stringify({
        deadLetterTargetArn: Attributes!["QueueArn"],
        maxReceiveCount: 30,
      });
      await transport.queue("twin").declare("twin");
      for (const actor of ["work", "twin"]) {
        const { QueueUrl } = await sqs.getQueueUrl({ QueueName: sqsQueueName(actor, prefix) });
        await sqs.setQueueAttributes({ QueueUrl, Attributes: { RedrivePolicy } });
      }
    });
    for (const actor of ["work", "twin"]) {
      const queue = transport.queue(actor);
      await put(queue, actor, `bad ${actor}`);
      await (await takeOne(queue)).deadLetter("cannot be read");
    }
    for (const actor of ["work", "twin"]) {
      const letters = await work.deadLetters(actor).list(10);
      assert.deepEqual(letters.map(textOf), [`bad ${actor}`]);
    }
    const [letter] = await work.deadLetters("twin").list(1);
    assert.equal(await work.deadLetters("work").discard(letter!.key), false);
  },
);

staged(
  "deadLetter() keeps the largest body, without a reason when there is no room",
  async ({ work }) => {
    const text = "x".repeat(work.maxMessageBytes);
    await put(work, "work", text);
    await (await takeOne(work)).deadLetter("does not fit anywhere");
    const [letter] = await work.deadLetters("work").list(10);
    assert.equal(letter!.body.length, text.length);
    assert.equal(work.maxMessageBytes, text.length);
  },
);

staged("deadLetter() keeps a reason of any characters, cut, and any body", async ({ work }) => {
  await work.send([{ actor: "work", body: Uint8Array.of(0, 255), messageId: "binary" }]);
  await (await takeOne(work)).deadLetter(`\u{0}${"ü".repeat(5000)}`);
  const [letter] = await work.deadLetters("work").list(10);
  assert.deepEqual(letter!.body, Uint8Array.of(0, 255));
  assert.match(letter!.reason, /^\u{FFFD}ü{500,}$/u);
});

staged(
  "deadLetter() without a queue for dead letters settles nothing and says what to do",
  async (stage) => {
    const { work, prefix } = stage;
    await put(work, "work", "bad");
    const delivery = await takeOne(work);
    const QueueName = `${sqsQueueName("work", prefix)}-dlq`;
    await withClient(async (sqs) => {
      const { QueueUrl } = await sqs.getQueueUrl({ QueueName });
      await sqs.deleteQueue({ QueueUrl });
    });
    await assert.rejects(delivery.deadLetter("why"), (error) => {
      assert.ok(error instanceof TransportUnavailable);
      assert.ok(error.message.includes(`${QueueName}: create this queue`), error.message);
      return true;
    });
    await withClient(async (sqs) => void await sqs.createQueue({ QueueName }));
    await delivery.deadLetter("why");
    assert.equal((await work.deadLetters("work").list(10))[0]?.reason, "why");
  },
);

staged("deadLetters() of an actor without a queue throws QueueMissing", async ({ work }) => {
  const letters = work.deadLetters("nobody");
  await assert.rejects(letters.list(1), QueueMissing);
  await assert.rejects(letters.replay("key"), QueueMissing);
  await assert.rejects(letters.discard("key"), QueueMissing);
});

staged(
  "deadLetters().list() is in order and gives back more than one request brings",
  async ({ work }) => {
    const texts = Array.from({ length: 25 }, (_, i) => String(i));
    await put(work, "work", ...texts);
    for (let i = 0; i < 25; i++) await (await takeOne(work)).deadLetter("all wrong");
    const letters = work.deadLetters("work");
    const all = await letters.list(100);
    assert.equal(all.length, 25);
    const times = all.map(({ at }) => at.getTime());
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
    assert.deepEqual((await letters.list(3)).length, 3);
    assert.equal(await letters.discard(all[20]!.key), true);
    assert.equal((await letters.list(100)).length, 24);
  },
);
