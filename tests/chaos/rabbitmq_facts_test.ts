/** What RabbitMQ does to a transport that only a broker of its own can be made to do. */

import assert from "node:assert/strict";
import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import {
  type Delivery,
  MessageTooLarge,
  openTransport,
  type Queue,
  type Transport,
  TRANSPORT_SETTINGS,
  TransportUnavailable,
} from "@asya/transport";
import { connect } from "amqplib";
import { certificates, noOpenssl } from "../../tools/services/certificates.ts";
import { findRabbitmq } from "../../tools/services/find_rabbitmq.ts";
import { type Rabbitmq, startRabbitmq } from "../../tools/services/rabbitmq.ts";
import { until } from "../project.ts";

const found = await findRabbitmq();
const missing = typeof found === "string" ? found : await noOpenssl();
const LARGEST = 256 * 1024;
const TAKE_MS = 30_000;
const ADVANCED = `[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 500}]}].\n`;

const log = createLogger({ level: "error" });

function open(env: Record<string, string>): Promise<Transport> {
  const all = { ASYA_TRANSPORT: "rabbitmq", ...env };
  return openTransport(readSettings(TRANSPORT_SETTINGS, all), log);
}

function message(actor: string, text: string, delayMs?: number) {
  const body = new TextEncoder().encode(text);
  return { actor, body, messageId: text, ...delayMs === undefined ? {} : { delayMs } };
}

async function sendOne(queue: Queue, ...args: Parameters<typeof message>): Promise<void> {
  const [result] = await queue.send([message(...args)]);
  if (!result!.ok) throw result!.error;
}

/** Takes so many deliveries; fails when they do not come. */
async function take(queue: Queue, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), TAKE_MS);
  try {
    for await (const d of queue.receive({ prefetch: () => count, signal: stop.signal })) {
      if (taken.push(d) === count) stop.abort();
    }
  } finally {
    clearTimeout(late);
  }
  assert.equal(taken.length, count, `not within ${TAKE_MS} ms`);
  return taken;
}

/** The file of a PEM text. */
async function pem(dir: string, name: string, text: string): Promise<string> {
  await Deno.writeTextFile(`${dir}/${name}`, text);
  return `${dir}/${name}`;
}

async function alarm(broker: Rabbitmq): Promise<void> {
  await using transport = disposable(await open({ ASYA_RABBITMQ_URL: broker.url }));
  const work = transport.queue("alarmed");
  await work.declare("alarmed");
  for (const text of ["a", "b"]) await sendOne(work, "alarmed", text);
  const [first, second] = await take(work, 2);
  let sent = 0;
  for (const resource of ["memory", "disk"] as const) {
    await broker.alarm(resource, true);
    await using _ = { [Symbol.asyncDispose]: () => broker.alarm(resource, false) };
    // The broker blocks a connection when it next sends something, so somebody has to.
    const stuck: ReturnType<Queue["send"]>[] = [];
    await until("trouble", () => {
      if (work.trouble === undefined) stuck.push(work.send([message("alarmed", "during it")]));
      return work.trouble !== undefined;
    });
    assert.match(work.trouble!, new RegExp(`takes no messages.*${resource}|low on ${resource}`));
    const [refused] = await work.send([message("alarmed", "refused")]);
    assert.ok(!refused!.ok && refused!.error instanceof TransportUnavailable);
    const acked = resource === "memory" ? first! : second!;
    assert.deepEqual(await work.complete(acked, []), []); // acknowledging is not held up
    await broker.alarm(resource, false);
    await until("no trouble", () => work.trouble === undefined);
    for (const results of stuck) assert.deepEqual(await results, [{ ok: true }]);
    sent += stuck.length;
  }
  for (const one of await take(work, sent)) await work.complete(one, []);
  assert.deepEqual(await work.depth("alarmed"), { ready: 0 });
}

async function tooLarge(broker: Rabbitmq): Promise<void> {
  await using transport = disposable(await open({ ASYA_RABBITMQ_URL: broker.url }));
  const work = transport.queue("large");
  await work.declare("large");
  const body = new Uint8Array(LARGEST + 1);
  const [refused] = await work.send([{ actor: "large", body, messageId: "large" }]);
  assert.ok(!refused!.ok && refused!.error instanceof MessageTooLarge);
  assert.deepEqual([refused!.error.limit, work.maxMessageBytes], [LARGEST, LARGEST]);
  await sendOne(work, "large", "small");
  assert.equal((await take(work, 1)).length, 1);
}

async function delayToNowhere(broker: Rabbitmq): Promise<void> {
  await using transport = disposable(await open({ ASYA_RABBITMQ_URL: broker.url }));
  const work = transport.queue("absent");
  await sendOne(work, "absent", "waits", 100);
  const model = await connect(broker.url, { noDelay: true });
  const channel = await model.createChannel();
  await until("its time is over", async () => {
    return (await channel.checkQueue("asya.delay.100")).messageCount === 0;
  });
  await model.close();
  await work.declare("absent");
  assert.equal(new TextDecoder().decode((await take(work, 1))[0]!.body), "waits");
}

async function anyCharacters(broker: Rabbitmq): Promise<void> {
  const [user, password, vhost] = ["us/er:é", "p@ss %/#?&", "a/b %"];
  const text = (value: string) => `<<${[...new TextEncoder().encode(value)].join(",")}>>`;
  await broker.eval(
    `rabbit_vhost:add(${text(vhost)}, ${text("test")}),` +
      `rabbit_auth_backend_internal:add_user(${text(user)}, ${text(password)}, ${text("test")}),` +
      `rabbit_auth_backend_internal:set_permissions(${text(user)}, ${text(vhost)}, ` +
      `<<".*">>, <<".*">>, <<".*">>, ${text("test")})`,
  );
  const parts = {
    ASYA_RABBITMQ_HOST: "127.0.0.1",
    ASYA_RABBITMQ_PORT: `${broker.port}`,
    ASYA_RABBITMQ_USERNAME: user,
    ASYA_RABBITMQ_PASSWORD: password,
    ASYA_RABBITMQ_VHOST: vhost,
  };
  const encoded = [user, password, vhost].map(encodeURIComponent);
  const url = `amqp://${encoded[0]}:${encoded[1]}@127.0.0.1:${broker.port}/${encoded[2]}`;
  for (const env of [parts, { ASYA_RABBITMQ_URL: url }]) {
    await using transport = disposable(await open(env));
    const work = transport.queue("odd");
    await work.declare("odd");
    await sendOne(work, "odd", "hello");
    await work.complete((await take(work, 1))[0]!, []);
  }
  await using wrong = disposable(await open({ ...parts, ASYA_RABBITMQ_PASSWORD: "geheim" }));
  const refused = wrong.queue("odd");
  await until("it is told", () => /does not let user/.test(refused.trouble ?? ""));
  assert.ok(!refused.trouble!.includes("geheim"));
  await using elsewhere = disposable(await open({ ...parts, ASYA_RABBITMQ_VHOST: "nowhere" }));
  const nowhere = elsewhere.queue("odd");
  await until("it is told", () => /virtual host "nowhere"/.test(nowhere.trouble ?? ""));
}

async function encrypted(broker: Rabbitmq, ca: string, cert: string, key: string): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "asya-tls-" });
  await using _ = { [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
  const files = {
    ASYA_RABBITMQ_TLS_CA: await pem(dir, "ca.pem", ca),
    ASYA_RABBITMQ_TLS_CERT: await pem(dir, "cert.pem", cert),
    ASYA_RABBITMQ_TLS_KEY: await pem(dir, "key.pem", key),
  };
  await using transport = disposable(await open({ ASYA_RABBITMQ_URL: broker.tlsUrl!, ...files }));
  const work = transport.queue("secret");
  await work.declare("secret");
  await sendOne(work, "secret", "hello");
  await work.complete((await take(work, 1))[0]!, []);
  await using untrusting = disposable(await open({ ASYA_RABBITMQ_URL: broker.tlsUrl! }));
  const refused = untrusting.queue("secret");
  await until("it is told", () => /ASYA_RABBITMQ_TLS_CA/.test(refused.trouble ?? ""));
  const plain = broker.tlsUrl!.replace("amqps:", "amqp:");
  await using wrong = disposable(await open({ ASYA_RABBITMQ_URL: plain }));
  const unencrypted = wrong.queue("secret");
  await until("it is told", () => /amqps/.test(unencrypted.trouble ?? ""));
}

function disposable(transport: Transport): Transport & AsyncDisposable {
  return { ...transport, [Symbol.asyncDispose]: () => transport.close() };
}

Deno.test({
  name: `openTransport() at a RabbitMQ of its own${missing ? `, ignored: ${missing}` : ""}`,
  ignore: missing !== undefined,
  async fn(t) {
    const { ca, cert, key } = await certificates();
    await using broker = await startRabbitmq({
      tls: { ca, cert, key, clientCertificate: true },
      conf: [`max_message_size = ${LARGEST}`],
      advanced: ADVANCED,
    });
    const step = (name: string, run: () => Promise<void>) => t.step(name, run);
    await step("is blocked by an alarm, says so, and still acknowledges", () => alarm(broker));
    await step("learns how large a message the broker takes", () => tooLarge(broker));
    await step("keeps a delayed message whose queue comes later", () => delayToNowhere(broker));
    await step("logs in with any characters, and says why it cannot", () => anyCharacters(broker));
    await step("speaks TLS with certificates both ways", () => encrypted(broker, ca, cert, key));
  },
});
