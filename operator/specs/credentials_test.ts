import assert from "node:assert/strict";
import { exampleConfig, exampleFacts } from "./example.ts";
import { credentialCopies, missingSecrets, secretRefs } from "./credentials.ts";

function texts(config = exampleConfig(), facts = exampleFacts()) {
  const decoder = new TextDecoder();
  return Object.fromEntries(
    credentialCopies("work", config, facts).map(({ metadata, data }) => [
      metadata.name,
      Object.fromEntries(
        Object.entries(data as Record<string, string>).map((
          [key, value],
        ) => [key, decoder.decode(Uint8Array.fromBase64(value))]),
      ),
    ]),
  );
}

Deno.test("credentialCopies() has password and percent-encoded URLs, none for IAM roles", () => {
  const url = "amqp://asya:p%40ss%2Fword@rabbitmq.default.svc:5672/%2F";
  assert.deepEqual(texts(), {
    "asya-transport-rabbitmq": { password: "p@ss/word", url, host: url },
  });
});

Deno.test("credentialCopies() leads KEDA to the management API where there is one", () => {
  const config = exampleConfig(
    'transports: {mq: {type: rabbitmq, host: mq, username: "a:b", vhost: /x, ' +
      'management: {url: "http://mq:15672/ui"}, passwordSecretRef: {name: rabbitmq, key: password}}}',
  );
  const { host, url } = texts(config)["asya-transport-mq"]!;
  assert.equal(host, "http://a%3Ab:p%40ss%2Fword@mq:15672/ui/");
  assert.equal(url, "amqp://a%3Ab:p%40ss%2Fword@mq:5672/%2Fx");
});

Deno.test("credentialCopies() has certificates, and tells KEDA of TLS", () => {
  const tls = "{enabled: true, caSecretRef: {name: tls, key: ca}}";
  const config = exampleConfig(
    `transports: {mq: {type: rabbitmq, host: "fd00::1", port: 5671, tls: ${tls}}}`,
  );
  const secrets = new Map([["tls/ca", "PEM"]]);
  assert.deepEqual(texts(config, exampleFacts({ secrets }))["asya-transport-mq"], {
    "ca.crt": "PEM",
    tls: "enable",
    url: "amqps://guest:guest@[fd00::1]:5671/%2F",
    host: "amqps://guest:guest@[fd00::1]:5671/%2F",
  });
});

Deno.test("credentialCopies() copies AWS keys and the mesh token", () => {
  const config = exampleConfig(
    "transports: {sqs: {type: sqs, region: r, credentials: {accessKeyIdSecretRef: {name: aws, " +
      "key: id}, secretAccessKeySecretRef: {name: aws, key: secret}}}}\n" +
      'gateway: {url: "http://gw", meshTokenSecretRef: {name: gateway, key: token}}',
  );
  const secrets = new Map([["aws/id", "AK"], ["aws/secret", "SK"], ["gateway/token", "t0ken"]]);
  assert.deepEqual(texts(config, exampleFacts({ secrets })), {
    "asya-transport-sqs": { accessKeyId: "AK", secretAccessKey: "SK" },
    "asya-mesh-token": { token: "t0ken" },
  });
});

Deno.test("secretRefs() names all that the settings refer to, missingSecrets() what is not there", () => {
  const config = exampleConfig(
    'gateway: {url: "http://gw", meshTokenSecretRef: {name: gateway, key: token}}',
  );
  const password = { name: "rabbitmq", key: "password" };
  assert.deepEqual(secretRefs(config), [password, { name: "gateway", key: "token" }]);
  const facts = exampleFacts({ secrets: new Map() });
  assert.deepEqual(missingSecrets(config.transports["rabbitmq"]!, facts), [password]);
  assert.deepEqual(missingSecrets(config.transports["sqs"]!, facts), []);
});
