import assert from "node:assert/strict";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type Service, startTestServices } from "./mod.ts";
import { startS3 } from "./s3.ts";
import { startEmulator } from "../../transport/sqs/emulator_process.ts";
import { ServiceUnavailable } from "./unavailable.ts";

const ACCESS = {
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
};

/** A service whose end is written down. */
function service(name: string, ended: string[], failure?: Error): Service {
  return {
    name,
    variable: `X_${name}`,
    start() {
      if (failure) return Promise.reject(failure);
      return Promise.resolve({
        url: `x://${name}`,
        async [Symbol.asyncDispose]() {
          await Promise.resolve();
          ended.push(name);
        },
      });
    },
  };
}

Deno.test("startTestServices() starts what is not given, and ends it", async () => {
  const ended: string[] = [];
  const all = ["a", "b", "c"].map((name) => service(name, ended));
  const services = await startTestServices(all, (name) => name === "X_b" ? "given" : undefined);
  assert.deepEqual(services.env, { X_a: "x://a", X_c: "x://c" });
  assert.deepEqual(services.skipped, []);
  assert.deepEqual(ended, []);
  await services[Symbol.asyncDispose]();
  assert.deepEqual(ended.sort(), ["a", "c"]);
});

Deno.test("startTestServices() skips what cannot be had and says why", async () => {
  const missing = service("b", [], new ServiceUnavailable("it rains"));
  await using services = await startTestServices([service("a", []), missing], () => undefined);
  assert.deepEqual(services.env, { X_a: "x://a" });
  assert.deepEqual(services.skipped, [{ name: "b", reason: "it rains" }]);
});

Deno.test("startTestServices() ends the others when one does not start", async () => {
  const ended: string[] = [];
  const broken = service("b", ended, new Error("it broke"));
  const started = startTestServices([service("a", ended), broken], () => undefined);
  await assert.rejects(started, /it broke/);
  assert.deepEqual(ended, ["a"]);
});

Deno.test("startEmulator() makes queues until it is disposed of", async () => {
  const sqs = await startEmulator();
  const client = new SQSClient({ ...ACCESS, endpoint: sqs.url });
  const made = await client.send(new CreateQueueCommand({ QueueName: "q" }));
  assert.match(made.QueueUrl!, /\/q$/);
  await sqs[Symbol.asyncDispose]();
  await assert.rejects(client.send(new CreateQueueCommand({ QueueName: "q" })));
  client.destroy();
});

Deno.test("startS3() writes a key once where it is asked to", async () => {
  await using s3 = await startS3();
  const client = new S3Client({ ...ACCESS, endpoint: s3.url, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
  const put = () =>
    client.send(new PutObjectCommand({ Bucket: "bucket", Key: "k", Body: "1", IfNoneMatch: "*" }));
  await put();
  await assert.rejects(put(), (error: { $metadata?: { httpStatusCode?: number } }) => {
    assert.equal(error.$metadata?.httpStatusCode, 412);
    return true;
  });
  client.destroy();
});
