import assert from "node:assert/strict";
import { readSettings, SettingsError } from "@asya/config";
import { TRANSPORT_SETTINGS } from "../settings.ts";
import { readAddress } from "./address.ts";

function read(env: Record<string, string>) {
  return readAddress(readSettings(TRANSPORT_SETTINGS, { ASYA_TRANSPORT: "rabbitmq", ...env }));
}

function problemsOf(env: Record<string, string>): string {
  try {
    read(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return assert.fail("accepted");
}

Deno.test("readAddress() takes a URL apart, its percent-encoding undone", () => {
  const url = "amqp://us%2Fer:p%40ss%3A%25%2F%23@broker.example:5673/blue%2Fgreen?heartbeat=20";
  const { hostname, port, username, password, vhost, heartbeat, tls } = read({
    ASYA_RABBITMQ_URL: url,
  });
  assert.deepEqual([hostname, port, username, password, vhost, heartbeat, tls], [
    "broker.example",
    5673,
    "us/er",
    "p@ss:%/#",
    "blue/green",
    20,
    undefined,
  ]);
});

Deno.test("readAddress() takes parts as they are, any characters in them", () => {
  const { hostname, port, username, password, vhost } = read({
    ASYA_RABBITMQ_HOST: "rabbit",
    ASYA_RABBITMQ_USERNAME: "a:b",
    ASYA_RABBITMQ_PASSWORD: "p@ss %/#é",
    ASYA_RABBITMQ_VHOST: "a/b %",
  });
  assert.deepEqual([hostname, port, username, password, vhost], [
    "rabbit",
    5672,
    "a:b",
    "p@ss %/#é",
    "a/b %",
  ]);
});

for (
  const [url, vhost, port, secure] of [
    ["amqp://h", "/", 5672, false],
    ["amqp://h/", "/", 5672, false],
    ["amqp://h/%2F", "/", 5672, false],
    ["amqps://[::1]/v", "v", 5671, true],
  ] as const
) {
  Deno.test(`readAddress() reads ${url} as virtual host ${vhost} at port ${port}`, () => {
    const address = read({ ASYA_RABBITMQ_URL: url });
    assert.deepEqual([address.vhost, address.port, address.tls !== undefined], [
      vhost,
      port,
      secure,
    ]);
  });
}

Deno.test("readAddress() shows the broker without its password", () => {
  const { shown } = read({ ASYA_RABBITMQ_URL: "amqps://me:geheim@h/v" });
  assert.equal(shown, "amqps://h:5671/v");
});

for (
  const [what, env, expected] of [
    ["no address at all", {}, /ASYA_RABBITMQ_URL nor ASYA_RABBITMQ_HOST/],
    ["another scheme", { ASYA_RABBITMQ_URL: "http://me:geheim@h" }, /percent-encoded/],
    [
      "a password that is not encoded",
      { ASYA_RABBITMQ_URL: "amqp://me:geheim%@h" },
      /% that is not/,
    ],
    ["a heartbeat that is none", { ASYA_RABBITMQ_URL: "amqp://h?heartbeat=soon" }, /heartbeat/],
    ["a CA file that is missing", {
      ASYA_RABBITMQ_HOST: "h",
      ASYA_RABBITMQ_TLS_CA: "/no/such/file",
    }, /ASYA_RABBITMQ_TLS_CA="\/no\/such\/file" cannot be read/],
    ["a certificate without its key", {
      ASYA_RABBITMQ_HOST: "h",
      ASYA_RABBITMQ_TLS_CERT: "/no/such/file",
    }, /_CERT and ASYA_RABBITMQ_TLS_KEY need each other/],
  ] as const
) {
  Deno.test(`readAddress() refuses ${what}, and keeps the password to itself`, () => {
    const text = problemsOf(env);
    assert.match(text, expected);
    assert.ok(!text.includes("geheim"), text);
  });
}
