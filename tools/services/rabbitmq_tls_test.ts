import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "amqplib";
import { certificates, noOpenssl } from "./certificates.ts";
import { findRabbitmq } from "./find_rabbitmq.ts";
import { startRabbitmq } from "./rabbitmq.ts";

const broken = typeof await findRabbitmq() === "string" ? "needs RabbitMQ" : await noOpenssl();
const ignore = broken !== undefined;
const why = ignore ? ` (${broken})` : "";

Deno.test(
  { name: `startRabbitmq() listens with TLS and asks for certificates${why}`, ignore },
  async () => {
    const { ca, cert, key } = await certificates();
    await using broker = await startRabbitmq({ tls: { ca, cert, key, clientCertificate: true } });
    const bytes = (text: string) => Buffer.from(text);
    const known = { ca: [bytes(ca)], cert: bytes(cert), key: bytes(key), noDelay: true };
    const model = await connect(broker.tlsUrl!, known);
    await model.createChannel();
    await model.close();
    await assert.rejects(connect(broker.tlsUrl!, { ca: [bytes(ca)], noDelay: true }));
    await assert.rejects(connect(broker.tlsUrl!, { cert: bytes(cert), key: bytes(key) }));
  },
);
