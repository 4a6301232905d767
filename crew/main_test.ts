import assert from "node:assert/strict";
import { crew, CrewStage, FinalGateway, until } from "./testing/process.ts";
import { TEST_CREDENTIALS, TestBucket } from "./testing/bucket.ts";
import { startS3 } from "./testing/s3.ts";

const EMPTY = { ready: 0, inFlight: 0, delayed: 0 };

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `e-${n}`);
}

Deno.test("crew main keeps a result and reports it before the input is acknowledged", async () => {
  await using stage = await CrewStage.open(["e-1"]);
  await using gateway = new FinalGateway();
  const seen: unknown[] = [];
  gateway.onFinal = async () => {
    const kept = JSON.parse(await Deno.readTextFile(`${stage.dir}/results/happy-end/e-1.json`));
    seen.push(kept.payload, (await stage.queue.depth("happy-end")).inFlight);
  };
  const child = crew({
    ...stage.env,
    ASYA_RESULTS_DIR: `${stage.dir}/results`,
    ASYA_GATEWAY_URL: gateway.url,
  }).spawn();
  await until(
    async () => (await stage.queue.depth("happy-end")).inFlight === 0 && seen[0] !== undefined,
    "the end",
  );
  assert.deepEqual(seen, [{ ok: true }, 1]);
  const [final] = gateway.finals;
  assert.deepEqual([final?.status, final?.result], ["succeeded", { ok: true }]);

  child.kill("SIGTERM");
  assert.equal((await child.output()).code, 0);
  assert.deepEqual(await stage.queue.depth("happy-end"), EMPTY);
});

Deno.test("crew main keeps a result in a bucket and reports it before the input is acknowledged", async () => {
  await using s3 = startS3();
  using bucket = await TestBucket.create(s3.endpoint);
  await using stage = await CrewStage.open(["e-1"]);
  await using gateway = new FinalGateway();
  const seen: unknown[] = [];
  gateway.onFinal = async () => {
    const [key = ""] = await bucket.keys();
    const { text } = await bucket.read(key);
    const inFlight = (await stage.queue.depth("happy-end")).inFlight;
    seen.push(
      key.replace(/[0-9]{4}-[0-9]{2}-[0-9]{2}/, "DATE"),
      JSON.parse(text).payload,
      inFlight,
    );
  };
  const child = crew({
    ...stage.env,
    ...TEST_CREDENTIALS,
    ASYA_S3_BUCKET: bucket.bucket,
    ASYA_S3_ENDPOINT: s3.endpoint,
    ASYA_S3_PREFIX: "team",
    ASYA_GATEWAY_URL: gateway.url,
  }).spawn();
  await until(
    async () => (await stage.queue.depth("happy-end")).inFlight === 0 && seen[2] !== undefined,
    "the end",
  );
  child.kill("SIGTERM");
  assert.equal((await child.output()).code, 0);
  assert.deepEqual(seen, ["team/DATE/happy-end/e-1.json", { ok: true }, 1]);
  assert.deepEqual(gateway.finals.map(({ status }) => status), ["succeeded"]);
  assert.deepEqual(await stage.queue.depth("happy-end"), EMPTY);
});

Deno.test("crew main loses nothing and keeps each once while the S3 is away and back", async () => {
  await using s3 = startS3();
  using bucket = await TestBucket.create(s3.endpoint);
  await s3.stop();
  await using stage = await CrewStage.open(ids(5));
  await using gateway = new FinalGateway();
  const child = crew({
    ...stage.env,
    ...TEST_CREDENTIALS,
    ASYA_S3_BUCKET: bucket.bucket,
    ASYA_S3_ENDPOINT: s3.endpoint,
    ASYA_GATEWAY_URL: gateway.url,
  }).spawn();
  const depth = () => stage.queue.depth("happy-end");
  await until(async () => (await depth()).delayed === 5, "each to be tried");
  assert.deepEqual(gateway.finals, []);
  s3.start();
  await until(() => gateway.finals.length === 5, "the final states");
  child.kill("SIGTERM");
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0);
  assert.deepEqual(await depth(), EMPTY);
  assert.deepEqual(await stage.queue.depth("error-end"), EMPTY);
  assert.deepEqual(
    (await bucket.keys()).map((key) => key.split("/").at(-1)),
    ids(5).map((id) => `${id}.json`),
  );
  assert.deepEqual(gateway.finals.map(({ id }) => id).toSorted(), ids(5));
  const told = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.match(told, new RegExp(`cannot be kept in bucket .{0,2}${bucket.bucket}`));
});

for (const [set, unsettled] of [[undefined, 12], ["2", 3]] as const) {
  const name = set === undefined ? "without ASYA_CONCURRENCY" : `with ASYA_CONCURRENCY=${set}`;
  Deno.test(`crew main ${name} has ${unsettled} of 12 envelopes in hand`, async () => {
    await using stage = await CrewStage.open(ids(12));
    await using gateway = new FinalGateway();
    const answered = Promise.withResolvers<void>();
    gateway.onFinal = () => answered.promise;
    const child = crew({
      ...stage.env,
      ASYA_RESULTS_DIR: `${stage.dir}/results`,
      ASYA_GATEWAY_URL: gateway.url,
      ...set === undefined ? {} : { ASYA_CONCURRENCY: set },
    }).spawn();
    await until(() => gateway.finals.length >= unsettled, "the final states");
    const { inFlight } = await stage.queue.depth("happy-end");
    answered.resolve();
    child.kill("SIGTERM");
    assert.equal((await child.output()).code, 0);
    assert.equal(inFlight, unsettled);
  });
}

Deno.test("crew main refuses an unknown actor and a missing store, both at once", async () => {
  await using stage = await CrewStage.open([]);
  const { code, stderr } = await crew({ ...stage.env, ASYA_ACTOR_NAME: "sad-end" }).output();
  const text = new TextDecoder().decode(stderr);
  assert.equal(code, 2);
  assert.match(text, /"sad-end": expected one of happy-end, error-end/);
  assert.match(text, /neither ASYA_RESULTS_DIR nor ASYA_S3_BUCKET is set/);
});

Deno.test("crew main refuses a folder and a bucket at once, and a bucket's name that is none", async () => {
  await using stage = await CrewStage.open([]);
  const env = { ...stage.env, ASYA_RESULTS_DIR: stage.dir };
  const both = await crew({ ...env, ASYA_S3_BUCKET: "results" }).output();
  assert.equal(both.code, 2);
  assert.match(
    new TextDecoder().decode(both.stderr),
    /ASYA_RESULTS_DIR and ASYA_S3_BUCKET are both/,
  );
  const odd = await crew({ ...stage.env, ASYA_S3_BUCKET: "a/b" }).output();
  assert.equal(odd.code, 2);
  assert.match(new TextDecoder().decode(odd.stderr), /ASYA_S3_BUCKET="a\/b": expected the name/);
});
