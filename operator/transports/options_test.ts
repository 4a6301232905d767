import assert from "node:assert/strict";
import { operatorConfigSchema } from "../config.ts";
import { rabbitmqOptions, type ReadSecret, SecretMissing, sqsOptions } from "./options.ts";

function transport(given: object) {
  const config = { transports: { main: given }, sidecar: { image: "asya-sidecar" } };
  return operatorConfigSchema.parse(config).transports["main"]!;
}

const read: ReadSecret = ({ name, key }) => {
  if (name === "none") throw new SecretMissing({ name, key }, "asya-system");
  return `${name}/${key}`;
};

Deno.test("rabbitmqOptions() takes the password and certificates from Secrets", () => {
  const config = transport({
    type: "rabbitmq",
    host: "broker",
    username: "asya",
    passwordSecretRef: { name: "broker", key: "password" },
    tls: { enabled: true, caSecretRef: { name: "broker", key: "ca.crt" } },
    management: { url: "http://broker:15672" },
  });
  assert.ok(config.type === "rabbitmq");
  assert.deepEqual(rabbitmqOptions(config, "blue", read), {
    hostname: "broker",
    port: 5672,
    vhost: "/",
    username: "asya",
    password: "broker/password",
    tls: { ca: "broker/ca.crt" },
    exchange: "asya",
    prefix: "blue",
    management: "http://broker:15672",
    deadLetters: { ttlMs: 14 * 86_400_000 },
  });
});

Deno.test("rabbitmqOptions() says which Secret is missing", () => {
  const config = transport({
    type: "rabbitmq",
    host: "broker",
    passwordSecretRef: { name: "none", key: "password" },
  });
  assert.ok(config.type === "rabbitmq");
  assert.throws(
    () => rabbitmqOptions(config, undefined, read),
    /Secret asya-system\/none with key "password" is missing/,
  );
});

Deno.test("sqsOptions() leaves dead letters out where they are off, and credentials to the SDK", () => {
  const config = transport({
    type: "sqs",
    region: "eu-central-1",
    queues: { dlq: { enabled: false } },
    tags: { team: "nlp" },
  });
  assert.ok(config.type === "sqs");
  assert.deepEqual(sqsOptions(config, undefined, read), {
    region: "eu-central-1",
    visibilityTimeout: 60,
    tags: { team: "nlp" },
  });
});
