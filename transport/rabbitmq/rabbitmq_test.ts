/** What is particular to RabbitMQ, at a real broker. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Channel, connect } from "amqplib";
import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { drain, message, put, soon, take, takeOne, textOf, until } from "../conformance/subject.ts";
import { type Delivery, type Queue, QueueMissing, type Transport } from "../queue.ts";
import { TRANSPORT_SETTINGS } from "../settings.ts";
import { delayLevel, delayName } from "./delays.ts";
import { BROKERS, type Wire, wire } from "./fixture.ts";
import { openRabbitmqTransport } from "./open.ts";

let count = 0;

/** A corner of the broker that nobody else uses. */
interface Corner {
  /** Exchange and prefix. */
  readonly name: string;
  readonly transport: Transport;
  /** The way of `transport` to the broker. */
  readonly wire: Wire;
  /** Another connection; of an actor's sidecar, where that matters. */
  open(env?: Record<string, string>, actor?: string): Transport;
  /** Somebody else at the broker. */
  readonly admin: Channel;
  /** The actor's queue, declared. */
  queue(actor: string): Promise<Queue>;
}

function test(title: string, run: (corner: Corner) => Promise<void>): void {
  for (const { name, url, missing } of BROKERS) {
    if (url !== undefined) Deno.test(`${name}: ${title}`, () => inCorner(url, run));
    else Deno.test({ name: `${name}: ${title} (skipped: ${missing})`, ignore: true, fn() {} });
  }
}

async function inCorner(url: string, run: (corner: Corner) => Promise<void>): Promise<void> {
  const name = `rmq-${Deno.pid}-${count++}`;
  const cuttable = await wire(url);
  const opened: Transport[] = [];
  const open = (env: Record<string, string> = {}, actor?: string) => {
    const settings = readSettings(TRANSPORT_SETTINGS, {
      ASYA_TRANSPORT: "rabbitmq",
      ASYA_RABBITMQ_URL: url,
      ASYA_RABBITMQ_EXCHANGE: name,
      ASYA_QUEUE_PREFIX: name,
      ...env,
    });
    const own = actor === undefined ? settings : { ...settings, actor };
    const transport = openRabbitmqTransport(own, createLogger({ level: "error" }));
    opened.push(transport);
    return transport;
  };
  const transport = open({ ASYA_RABBITMQ_URL: cuttable.url });
  const model = await connect(url, { noDelay: true });
  const admin = await model.createChannel();
  try {
    await run({
      name,
      transport,
      wire: cuttable,
      open,
      admin,
      async queue(actor) {
        const queue = transport.queue(actor);
        await queue.declare(actor);
        return queue;
      },
    });
  } finally {
    for (const one of opened) await one.close();
    await cuttable.close();
    for (const actor of ["work", "next"]) {
      await admin.deleteQueue(`asya-${name}.${actor}`);
      await admin.deleteQueue(`asya-${name}.${actor}-dlq`);
    }
    for (const ms of [300, 700, 800, 900]) {
      await admin.deleteQueue(delayName(name, delayLevel(ms)));
      await admin.deleteExchange(delayName(name, delayLevel(ms)));
    }
    await admin.deleteExchange(name);
    await model.close();
  }
}

/** Receives until told to stop. */
function receive(queue: Queue, prefetch = 10) {
  const stop = new AbortController();
  const held: Delivery[] = [];
  const running = (async () => {
    for await (const d of queue.receive({ prefetch: () => prefetch, signal: stop.signal })) {
      held.push(d);
    }
  })();
  running.catch(() => undefined); // whoever wants to know reads `running`
  const end = async () => {
    stop.abort();
    await soon(running, "the end");
  };
  return { held, running, end };
}

test("complete() with a tag of a lost channel never settles what has that tag now", async (t) => {
  const work = await t.queue("work");
  await put(work, "work", "first", "second");
  const consumer = receive(work, 1);
  await until(() => consumer.held.length === 1, "a delivery");
  await t.wire.cut();
  await until(() => consumer.held.length === 2, "a delivery by the next channel");
  const [old, present] = consumer.held;
  await assert.rejects(work.complete(old!, []), { code: "delivery_lost" });
  await assert.rejects(old!.release(), { code: "delivery_lost" });
  assert.equal(consumer.held.length, 2, "the old tag freed room for a third delivery");
  await work.complete(present!, []);
  await until(() => consumer.held.length === 3, "the other message");
  await work.complete(consumer.held[2]!, []);
  await consumer.end();
  const texts = [textOf(present!), textOf(consumer.held[2]!)].sort();
  assert.deepEqual(texts, ["first", "second"]);
});

test("send() tells apart what was returned from what was confirmed, under one id", async (t) => {
  const work = await t.queue("work");
  const many = Array.from({ length: 50 }, (_, n) => message(n % 2 ? "nobody" : "work", "same"));
  const results = await work.send(many);
  const missing = results.map((result) => !result.ok && result.error instanceof QueueMissing);
  assert.deepEqual(missing, many.map(({ actor }) => actor === "nobody"));
  assert.equal((await drain(work, 25)).length, 25);
});

test("receive() goes on after the connection was lost, and trouble says so meanwhile", async (t) => {
  const work = await t.queue("work");
  const consumer = receive(work);
  await put(work, "work", "before");
  await until(() => consumer.held.length === 1, "the first");
  assert.equal(work.trouble, undefined);
  const away = t.wire.refuse();
  await t.wire.cut();
  await until(() => work.trouble !== undefined, "trouble");
  assert.match(work.trouble!, /RabbitMQ|connection/);
  const [failed] = await work.send([message("work", "meanwhile")]);
  assert.ok(!failed!.ok && failed!.error.retryable, "sent without a connection");
  away.end();
  await until(() => work.trouble === undefined, "no trouble");
  await put(work, "work", "after");
  await until(() => consumer.held.some((one) => textOf(one) === "after"), "the last");
  await consumer.end();
});

test("complete() while receive() ends, and close() at once, bring nothing back", async (t) => {
  const work = await t.queue("work");
  await put(work, "work", ...Array.from({ length: 10 }, (_, n) => String(n)));
  const consumer = receive(work);
  await until(() => consumer.held.length === 10, "all of them");
  const ending = consumer.end();
  await Promise.all(consumer.held.map((one) => work.complete(one, [])));
  await t.transport.close();
  await ending;
  const again = t.open().queue("work");
  await put(again, "work", "next");
  assert.deepEqual(await drain(again, 1), ["next"]);
  assert.deepEqual(await again.depth("work"), { ready: 0 });
});

test("receive() throws QueueMissing when its queue is deleted, and works when it is back", async (t) => {
  const work = await t.queue("work");
  const consumer = receive(work);
  await put(work, "work", "before");
  await until(() => consumer.held.length === 1, "the first");
  await t.admin.deleteQueue(`asya-${t.name}.work`);
  await assert.rejects(soon(consumer.running, "the end"), QueueMissing);
  await work.declare("work");
  await put(work, "work", "after");
  assert.deepEqual(await drain(work, 1), ["after"]);
});

test("declare() leaves a classic queue as it is, which then serves", async (t) => {
  const name = `asya-${t.name}.work`;
  await t.admin.assertExchange(t.name, "topic", { durable: true });
  await t.admin.assertQueue(name, { durable: true });
  await t.admin.bindQueue(name, t.name, `${t.name}.work`);
  const work = await t.queue("work");
  await put(work, "work", "a", "b");
  const first = await takeOne(work);
  assert.equal(first.deliveries, 1);
  await first.release();
  const again = await takeOne(work);
  assert.equal(textOf(again), "a");
  assert.deepEqual(await work.complete(again, [message("work", "later", 300)]), [{ ok: true }]);
  assert.deepEqual(await drain(work, 2), ["b", "later"]);
  await t.admin.assertQueue(name, { durable: true }); // refused if it had become another kind
});

test("deadLetter() uses the queue that all share where an actor has none of its own", async (t) => {
  await t.admin.assertExchange(t.name, "topic", { durable: true });
  await t.admin.assertQueue(`asya-${t.name}.work`, { durable: true });
  await t.admin.bindQueue(`asya-${t.name}.work`, t.name, `${t.name}.work`);
  const work = t.transport.queue("work");
  await put(work, "work", "bad");
  const bad = await takeOne(work);
  await assert.rejects(bad.deadLetter("no queue"), /create asya-.*-dlq/);
  await t.admin.assertQueue("asya-dlq", { durable: true });
  try {
    await bad.deadLetter("cannot be read");
    const [letter] = await work.deadLetters("work").list(10);
    assert.deepEqual([textOf(letter!), letter!.reason], ["bad", "cannot be read"]);
  } finally {
    await t.admin.deleteQueue("asya-dlq");
  }
});

test("deadLetters() shows what the broker itself gave up, and why", async (t) => {
  const work = await t.queue("work");
  await put(work, "work", "rejected");
  const got = await t.admin.get(`asya-${t.name}.work`);
  assert.ok(got);
  t.admin.reject(got, false);
  const letters = work.deadLetters("work");
  await until(async () => (await letters.list(1)).length === 1, "the dead letter");
  const [letter] = await letters.list(1);
  assert.equal(letter!.reason, "RabbitMQ: rejected");
  assert.ok(Math.abs(letter!.at.getTime() - Date.now()) < 60_000, `${letter!.at}`);
  assert.equal(await letters.replay(letter!.key), true);
  assert.deepEqual(await drain(work, 1), ["rejected"]);
});

test("receive() keeps what a consumer holds that is killed 25 times", async (t) => {
  const work = await t.queue("work");
  await put(work, "work", "a", "b", "c");
  for (let kill = 0; kill < 25; kill++) {
    const one = t.open();
    await take(one.queue("work"), 3);
    await one.close();
  }
  assert.deepEqual((await drain(work, 3)).sort(), ["a", "b", "c"]);
  assert.deepEqual(await work.deadLetters("work").list(1), []);
});

for (const delay of [300, 700, 900]) {
  test(`send() with delayMs ${delay} is late by 250 ms at most`, async (t) => {
    const work = await t.queue("work");
    await work.send([message("work", "warm", 300), message("work", "up", delay)]);
    const consumer = receive(work);
    await until(() => consumer.held.length === 2, "the delay queues work");
    const late: number[] = [];
    for (let round = 0; round < 3; round++) {
      const sent = performance.now();
      await work.send([message("work", `${round}`, delay)]);
      await until(() => consumer.held.length === 3 + round, "the delayed message");
      late.push(performance.now() - sent - delay);
    }
    await consumer.end();
    assert.ok(Math.min(...late) >= -1, `early: ${late}`);
    assert.ok(late.sort((a, b) => a - b)[0]! <= 250, `late: ${late}`);
  });
}

test("receive() parks again what is not due, without showing it", async (t) => {
  const work = await t.queue("work");
  const due = Date.now() + 800;
  t.admin.publish(t.name, `${t.name}.work`, Buffer.from("not yet"), {
    messageId: "long",
    headers: { "x-asya-due": due },
  });
  assert.deepEqual(await drain(work, 1), ["not yet"]);
  assert.ok(Date.now() >= due - 1, "delivered before its time");
});

test("send() uses an exchange that somebody else made otherwise", async (t) => {
  await t.admin.assertExchange(t.name, "direct", { durable: true });
  const work = await t.queue("work");
  await put(work, "work", "direct");
  assert.deepEqual(await drain(work, 1), ["direct"]);
});

test("receive() takes large messages fewer at a time", async (t) => {
  const work = await t.queue("work");
  const body = new Uint8Array(9 * 1024 * 1024);
  for (let n = 0; n < 12; n++) {
    const [result] = await work.send([{ actor: "work", body, messageId: `${n}` }]);
    assert.deepEqual(result, { ok: true });
  }
  const consumer = receive(work, 2);
  await until(() => consumer.held.length === 2, "two large messages");
  const wide = receive(work, 2); // knows nothing of their size yet
  await until(() => wide.held.length === 2, "two more");
  await consumer.end();
  await wide.end();
  for (const one of [...consumer.held, ...wide.held]) await one.release();
  let prefetch = 2;
  const stop = new AbortController();
  const held: Delivery[] = [];
  const growing = (async () => {
    for await (const d of work.receive({ prefetch: () => prefetch, signal: stop.signal })) {
      held.push(d);
      prefetch = 100;
    }
  })();
  await until(() => held.length >= 4, "more than the first two");
  const { ready } = await work.depth("work");
  const patience = performance.now() + 1_500;
  await until(() => performance.now() > patience || held.length > 4, "no more for a while");
  assert.deepEqual([held.length, ready], [4, 8]);
  stop.abort();
  await soon(growing, "the end");
});

test("ASYA_QUEUE_NAME makes an actor of an existing queue, retries and all", async (corner) => {
  const { admin, name, open } = corner;
  await corner.queue("next"); // declares the exchange
  const existing = `${name}-orders`;
  await admin.assertQueue(existing, { durable: true });
  await admin.bindQueue(existing, name, `${name}.work`);
  try {
    const queue = open({ ASYA_QUEUE_NAME: existing }, "work").queue("work");
    admin.sendToQueue(existing, Buffer.from("from outside"));
    const delivery = await takeOne(queue);
    assert.equal(textOf(delivery), "from outside");
    await queue.complete(delivery, [message("work", "again", 300)]);
    const again = await takeOne(queue);
    assert.equal(textOf(again), "again");
    await queue.complete(again, []);
  } finally {
    await admin.deleteQueue(existing);
  }
});
