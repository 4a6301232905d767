import assert from "node:assert/strict";
import { SQS } from "@aws-sdk/client-sqs";
import { createLogger } from "@asya/telemetry";
import { deadLetterQueueName } from "../names.ts";
import { openSqsAdmin } from "./admin.ts";

const endpoint = Deno.env.get("ASYA_TEST_SQS_ENDPOINT") || undefined;
const reason = endpoint === undefined ? " (skipped: no ASYA_TEST_SQS_ENDPOINT)" : "";
const region = "us-east-1";
const credentials = { accessKeyId: "test", secretAccessKey: "test" };
const log = createLogger({ level: "error", write: () => undefined });

/** An administration with names of its own, and the bare service beside it. */
function stage() {
  const sqs = new SQS({ region, endpoint: endpoint!, credentials });
  const admin = openSqsAdmin({
    region,
    endpoint: endpoint!,
    credentials,
    prefix: crypto.randomUUID().slice(0, 8),
    visibilityTimeout: 45,
    deadLetters: { maxReceives: 30, retention: 3 * 86_400 },
    tags: { team: "nlp" },
    log,
  });
  return {
    sqs,
    admin,
    queue: admin.queueName("prep"),
    async [Symbol.asyncDispose]() {
      await admin.remove("prep");
      await admin.close();
      sqs.destroy();
    },
  };
}

function test(sentence: string, run: (s: ReturnType<typeof stage>) => Promise<void>): void {
  Deno.test({
    name: `sqs: ${sentence}${reason}`,
    ignore: endpoint === undefined,
    async fn() {
      await using s = stage();
      await run(s);
    },
  });
}

test("ensure() makes a tagged queue with dead letters, and does so again", async ({ sqs, admin, queue }) => {
  await admin.ensure("prep");
  await admin.ensure("prep");
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: queue });
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
  assert.equal(Attributes!["VisibilityTimeout"], "45");
  const redrive = JSON.parse(Attributes!["RedrivePolicy"]!);
  assert.equal(Number(redrive.maxReceiveCount), 30);
  assert.ok(redrive.deadLetterTargetArn.endsWith(deadLetterQueueName(queue)));
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags, { team: "nlp" });
});

test("look() counts, and knows a queue that somebody removed", async ({ sqs, admin, queue }) => {
  await admin.ensure("prep");
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: queue });
  await sqs.sendMessage({ QueueUrl, MessageBody: "{}" });
  assert.deepEqual((await admin.look([queue])).get(queue), { ready: 1, inFlight: 0, delayed: 0 });
  await sqs.deleteQueue({ QueueUrl });
  assert.equal((await admin.look([queue])).get(queue), undefined);
  await admin.ensure("prep");
  assert.equal((await admin.look([queue])).get(queue)?.ready, 0);
});

test("remove() leaves a queue whose messages somebody holds", async ({ sqs, admin, queue }) => {
  await admin.ensure("prep");
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: queue });
  await sqs.sendMessage({ QueueUrl, MessageBody: "{}" });
  const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 });
  assert.equal(await admin.remove("prep"), "in use");
  await sqs.deleteMessage({ QueueUrl, ReceiptHandle: Messages![0]!.ReceiptHandle });
  assert.equal(await admin.remove("prep"), "removed");
  const both = [queue, deadLetterQueueName(queue)];
  assert.deepEqual([...(await admin.look(both)).values()], [undefined, undefined]);
});
