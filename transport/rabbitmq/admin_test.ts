import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "amqplib";
import { createLogger } from "@asya/telemetry";
import type { QueueAdmin } from "../admin.ts";
import { deadLetterQueueName } from "../names.ts";
import { TransportUnavailable } from "../queue.ts";
import { openRabbitmqAdmin, type RabbitmqAdminOptions } from "./admin.ts";
import { BROKERS } from "./fixture.ts";

const log = createLogger({ level: "error", write: () => undefined });

/** The broker, with names and an exchange of their own, and without dead letters. */
function optionsOf(url: string, mark: string): RabbitmqAdminOptions {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    hostname,
    port: Number(port) || 5672,
    vhost: decodeURIComponent(pathname.slice(1)) || "/",
    username: decodeURIComponent(username) || "guest",
    password: decodeURIComponent(password) || "guest",
    exchange: `asya-${mark}`,
    prefix: mark,
    log,
  };
}

/** An administration, and the bare broker beside it. */
async function stage(
  url: string,
  more: Partial<RabbitmqAdminOptions> = { deadLetters: { ttlMs: 86_400_000 } },
) {
  const mark = crypto.randomUUID().slice(0, 8);
  const admin: QueueAdmin = openRabbitmqAdmin({ ...optionsOf(url, mark), ...more });
  const model = await connect(url, { noDelay: true });
  const channel = await model.createConfirmChannel();
  return {
    admin,
    channel,
    exchange: `asya-${mark}`,
    key: `${mark}.prep`,
    queue: admin.queueName("prep"),
    async [Symbol.asyncDispose]() {
      await channel.deleteQueue(admin.queueName("prep"));
      await channel.deleteQueue(deadLetterQueueName(admin.queueName("prep")));
      await channel.deleteExchange(`asya-${mark}`);
      await model.close();
      await admin.close();
    },
  };
}

for (const { name, url, missing } of BROKERS) {
  const test = (sentence: string, run: (url: string) => Promise<void>) =>
    Deno.test({
      name: `${name}: ${sentence}${url === undefined ? ` (skipped: ${missing})` : ""}`,
      ignore: url === undefined,
      fn: () => run(url!),
    });

  test("ensure() makes a queue that what is sent to the actor ends in, and does so again", async (url) => {
    await using s = await stage(url);
    await s.admin.ensure("prep");
    await s.admin.ensure("prep");
    s.channel.publish(s.exchange, s.key, Buffer.of(1), { persistent: true });
    await s.channel.waitForConfirms();
    const found = await s.admin.look([s.queue, "asya-nobody"]);
    assert.deepEqual([...found], [[s.queue, { ready: 1 }], ["asya-nobody", undefined]]);
    assert.equal((await s.channel.checkQueue(deadLetterQueueName(s.queue))).messageCount, 0);
  });

  test("look() takes queues for missing when the exchange is gone, and ensure() mends that", async (url) => {
    await using s = await stage(url);
    await s.admin.ensure("prep");
    await s.channel.deleteExchange(s.exchange);
    assert.deepEqual([...await s.admin.look([s.queue])], [[s.queue, undefined]]);
    await s.admin.ensure("prep");
    assert.deepEqual([...await s.admin.look([s.queue])], [[s.queue, { ready: 0 }]]);
  });

  test("ensure() uses a queue of another kind as it is", async (url) => {
    await using s = await stage(url);
    await s.channel.assertQueue(s.queue, { durable: true });
    await s.admin.ensure("prep");
    await s.channel.assertQueue(s.queue, { durable: true }); // still what it was, or this is refused
  });

  test("ensure() makes no dead letters where none are wanted", async (url) => {
    await using s = await stage(url, {});
    await s.admin.ensure("prep");
    const letters = deadLetterQueueName(s.queue);
    assert.deepEqual([...await s.admin.look([letters])], [[letters, undefined]]);
  });

  test("adopt() leads an actor's messages to a queue that is there, and makes none", async (url) => {
    await using s = await stage(url);
    assert.equal(await s.admin.adopt("prep", s.queue), false);
    assert.deepEqual([...await s.admin.look([s.queue])], [[s.queue, undefined]]);
    await s.channel.assertQueue(s.queue, { durable: true });
    assert.equal(await s.admin.adopt("prep", s.queue), true);
    assert.equal(await s.admin.adopt("prep", s.queue), true);
    s.channel.publish(s.exchange, s.key, Buffer.of(1), { persistent: true });
    await s.channel.waitForConfirms();
    assert.deepEqual([...await s.admin.look([s.queue])], [[s.queue, { ready: 1 }]]);
  });

  test("remove() takes the queue and its dead letters, and leaves a queue that is in use", async (url) => {
    await using s = await stage(url);
    await s.admin.ensure("prep");
    const { consumerTag } = await s.channel.consume(s.queue, () => undefined);
    assert.equal(await s.admin.remove("prep"), "in use");
    await s.channel.cancel(consumerTag);
    assert.equal(await s.admin.remove("prep"), "removed");
    const both = [s.queue, deadLetterQueueName(s.queue)];
    assert.deepEqual([...(await s.admin.look(both)).values()], [undefined, undefined]);
    assert.equal(await s.admin.remove("prep"), "removed"); // once more is fine
  });

  test("a wrong password is TransportUnavailable, and is not in its message", async (url) => {
    await using s = await stage(url, { password: "not-this-one" });
    await assert.rejects(s.admin.ensure("prep"), (error) => {
      assert.ok(error instanceof TransportUnavailable);
      assert.ok(!error.message.includes("not-this-one"));
      return true;
    });
  });
}
