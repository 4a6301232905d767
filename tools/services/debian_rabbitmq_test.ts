import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "amqplib";
import { noAptReason } from "./apt.ts";
import { rabbitmqOf } from "./debian_rabbitmq.ts";
import { untilGone } from "./processes.ts";
import { startRabbitmq } from "./rabbitmq.ts";

const reason = Deno.build.os === "linux" ? await noAptReason() : "not Linux";
const why = reason === undefined ? "" : ` (${reason})`;

Deno.test({
  name: `rabbitmqOf() gives the RabbitMQ 4 of Debian 13, to start and kill${why}`,
  ignore: reason !== undefined,
}, async () => {
  const found = await rabbitmqOf("trixie");
  assert.ok(typeof found !== "string", `${found}`);
  assert.match(found.version, /^4\./);
  const broker = await startRabbitmq({}, () => Promise.resolve(found));
  try {
    assert.equal(await broker.eval("rabbit_misc:version()"), `"${found.version}"`);
    const sent = await connect(broker.url, { noDelay: true });
    const confirmed = await sent.createConfirmChannel();
    await confirmed.assertQueue("q", { durable: true });
    confirmed.sendToQueue("q", Buffer.from("kept"), { persistent: true });
    await confirmed.waitForConfirms();
    await sent.close();
    await broker.eval("mnesia:sync_log()"); // see Rabbitmq.kill
    const { pid } = broker;
    await broker.kill();
    await untilGone([pid!]);
    await broker.start();
    const got = await connect(broker.url, { noDelay: true });
    const message = await (await got.createChannel()).get("q", { noAck: true });
    await got.close();
    assert.ok(message);
    assert.equal(message.content.toString(), "kept");
  } finally {
    const { pid } = broker;
    await broker[Symbol.asyncDispose]();
    await untilGone([pid!]);
  }
});

Deno.test("rabbitmqOf() says why there is none", { ignore: reason === undefined }, async () => {
  assert.match(`${await rabbitmqOf("trixie")}`, /no RabbitMQ of Debian trixie: .*apt-get/);
});
