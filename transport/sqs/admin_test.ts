import assert from "node:assert/strict";
import { SQS } from "@aws-sdk/client-sqs";
import { createLogger } from "@asya/telemetry";
import { deadLetterQueueName } from "../names.ts";
import { openSqsAdmin } from "./admin.ts";
import { ENDPOINT as endpoint, environment, settingsOf } from "./fixture.ts";
import { openSqsTransport } from "./open.ts";
import { SIGNPOST_TAG } from "./signpost.ts";

const region = "us-east-1";
const credentials = { accessKeyId: "test", secretAccessKey: "test" };
const log = createLogger({ level: "error", write: () => undefined });

/** An administration with names of its own, and the bare service beside it. */
function stage() {
  const prefix = crypto.randomUUID().slice(0, 8);
  const sqs = new SQS({ region, endpoint, credentials });
  const admin = openSqsAdmin({
    region,
    endpoint,
    credentials,
    prefix,
    visibilityTimeout: 45,
    deadLetters: { maxReceives: 30, retention: 3 * 86_400 },
    tags: { team: "nlp" },
    log,
  });
  return {
    sqs,
    admin,
    queue: admin.queueName("prep"),
    /** A queue that is somebody else's, and a process that knows of the actor's name only. */
    async other() {
      const name = `other-${prefix}`;
      const { QueueUrl } = await sqs.createQueue({ QueueName: name });
      const transport = await openSqsTransport(settingsOf(environment(prefix)), log);
      const queue = transport.queue("sender");
      const send = async (body: string) => {
        const message = { actor: "prep", body: new TextEncoder().encode(body), messageId: "m" };
        const [result] = await queue.send([message]);
        return result!;
      };
      const count = async (of = name) => (await admin.look([of])).get(of)?.ready;
      return {
        name,
        send,
        count,
        async [Symbol.asyncDispose]() {
          await transport.close();
          await sqs.deleteQueue({ QueueUrl });
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await admin.remove("prep");
      await admin.close();
      sqs.destroy();
    },
  };
}

function test(sentence: string, run: (s: ReturnType<typeof stage>) => Promise<void>): void {
  Deno.test({
    name: `sqs: ${sentence}`,
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

test("adopt() leads what is sent to an actor to the other queue, and refuses it to all others", async ({ sqs, admin, queue, other }) => {
  await using existing = await other();
  const early = await existing.send("{}");
  assert.equal(early.ok, false); // nobody remembers that there was nothing
  assert.equal(await admin.adopt("prep", existing.name), true);
  assert.equal(await admin.adopt("prep", existing.name), true);
  assert.deepEqual(await existing.send("{}"), { ok: true });
  assert.equal(await existing.count(), 1);
  assert.equal(await existing.count(queue), 0);
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: queue });
  assert.equal((await sqs.listQueueTags({ QueueUrl })).Tags![SIGNPOST_TAG], existing.name);
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
  const [statement] = JSON.parse(Attributes!["Policy"]!).Statement;
  assert.deepEqual([statement.Effect, statement.Action], ["Deny", "sqs:SendMessage"]);
  assert.equal(statement.Resource, Attributes!["QueueArn"]);
});

test("adopt() makes nothing for a queue that is not there, or is the actor's own", async ({ admin, queue }) => {
  assert.equal(await admin.adopt("prep", "not-there"), false);
  assert.equal((await admin.look([queue])).get(queue), undefined);
  await admin.ensure("prep");
  assert.equal(await admin.adopt("prep", queue), true);
});

test("adopt() refuses while the actor has a queue of its own that senders would find", async ({ admin, queue, other }) => {
  await using existing = await other();
  await admin.ensure("prep");
  await assert.rejects(admin.adopt("prep", existing.name), (error: Error) => {
    assert.ok(error.message.includes(`delete ${queue}`), error.message);
    assert.ok(error.cause, "the service is not away");
    return true;
  });
});

test("ensure() makes a queue of a signpost when its actor takes from it again", async ({ admin, queue, other }) => {
  await using existing = await other();
  await admin.adopt("prep", existing.name);
  await admin.ensure("prep");
  assert.deepEqual(await existing.send("{}"), { ok: true });
  assert.equal(await existing.count(queue), 1);
  assert.equal(await existing.count(), 0);
});
