import assert from "node:assert/strict";
import { encodeEnvelope, type Envelope } from "@asya/envelope";
import { ResultBucket, ResultBucketError } from "./result_bucket.ts";
import { setTestCredentials, TestBucket } from "./testing/bucket.ts";
import { s3Error, startS3, type TestS3 } from "./testing/s3.ts";

const NOON = Date.UTC(2026, 0, 2, 12);
const AFTER_MIDNIGHT = Date.UTC(2026, 0, 3, 0, 0, 20);

function envelope(id: string, payload = "1", firstAttemptAt?: string): Envelope {
  return {
    id,
    route: { actors: ["a"], current: 1, extra: new Map() },
    payload: new TextEncoder().encode(payload),
    extra: new Map(),
    ...firstAttemptAt === undefined
      ? {}
      : { status: { attempt: 2, firstAttemptAt, extra: new Map() } },
  };
}

/** The S3 that tests are given, or one of their own. */
async function withBucket(use: (bucket: TestBucket) => Promise<void>): Promise<void> {
  const given = Deno.env.get("ASYA_TEST_S3_ENDPOINT");
  await using own = given === undefined ? startS3() : undefined;
  using bucket = await TestBucket.create(given ?? own!.endpoint);
  await use(bucket);
}

/** An S3 whose answers the test decides. */
async function withS3(use: (s3: TestS3, bucket: TestBucket) => Promise<void>): Promise<void> {
  await using s3 = startS3();
  using bucket = await TestBucket.create(s3.endpoint);
  await use(s3, bucket);
}

/** Results of that bucket, open as long as they are used. */
function open(
  { endpoint, bucket }: { endpoint: string; bucket: string },
  more: { now?: () => number; prefix?: string } = {},
) {
  const results = new ResultBucket({ endpoint, bucket, now: () => NOON, ...more });
  return Object.assign(results, { [Symbol.dispose]: () => results.close() });
}

Deno.test("ResultBucket.keep() writes the whole envelope under date, actor and id", () =>
  withBucket(async (bucket) => {
    using results = open(bucket);
    const given = envelope("a/b", '{"n":9007199254740993}');
    assert.equal(await results.keep("happy-end", given), true);
    assert.deepEqual(await bucket.keys(), ["2026-01-02/happy-end/a%2Fb.json"]);
    const { text, type } = await bucket.read("2026-01-02/happy-end/a%2Fb.json");
    assert.equal(text, new TextDecoder().decode(encodeEnvelope(given)));
    assert.equal(type, "application/json");
  }));

for (const prefix of ["team/x", "/team/x/"]) {
  Deno.test(`ResultBucket.keep() puts keys below the prefix ${prefix}`, () =>
    withBucket(async (bucket) => {
      using results = open(bucket, { prefix });
      await results.keep("error-end", envelope("e-1"));
      assert.deepEqual(await bucket.keys(), ["team/x/2026-01-02/error-end/e-1.json"]);
    }));
}

Deno.test("ResultBucket.keep() lets the first write of an id win", () =>
  withBucket(async (bucket) => {
    using results = open(bucket);
    assert.equal(await results.keep("happy-end", envelope("e-1", "1")), true);
    assert.equal(await results.keep("happy-end", envelope("e-1", "2")), false);
    const { text } = await bucket.read("2026-01-02/happy-end/e-1.json");
    assert.equal(JSON.parse(text).payload, 1);
  }));

Deno.test("ResultBucket.keep() writes once when many write the same id at once", () =>
  withBucket(async (bucket) => {
    using results = open(bucket);
    const ids = Array.from({ length: 12 }, (_, n) => envelope("e-1", `${n}`));
    const first = await Promise.all(ids.map((one) => results.keep("happy-end", one)));
    assert.equal(first.filter((won) => won).length, 1);
  }));

Deno.test("ResultBucket.keep() of a retry after midnight finds what the first attempt wrote", () =>
  withBucket(async (bucket) => {
    using before = open(bucket);
    await before.keep("happy-end", envelope("e-1"));
    using after = open(bucket, { now: () => AFTER_MIDNIGHT + 5 * 3_600_000 });
    const retry = envelope("e-1", "1", "2026-01-02T23:59:59Z");
    assert.equal(await after.keep("happy-end", retry), false);
    assert.equal((await bucket.keys()).length, 1);
  }));

Deno.test("ResultBucket.keep() of a redelivery just after midnight finds yesterday's object", () =>
  withBucket(async (bucket) => {
    using before = open(bucket);
    await before.keep("happy-end", envelope("e-1"));
    using after = open(bucket, { now: () => AFTER_MIDNIGHT });
    assert.equal(await after.keep("happy-end", envelope("e-1")), false);
    assert.equal(await after.keep("happy-end", envelope("e-2")), true);
    const keys = ["2026-01-02/happy-end/e-1.json", "2026-01-03/happy-end/e-2.json"];
    assert.deepEqual(await bucket.keys(), keys);
  }));

Deno.test("ResultBucket.keep() asks once at most times of day", () =>
  withS3(async (s3, bucket) => {
    using results = open(bucket);
    s3.requests.length = 0;
    await results.keep("happy-end", envelope("e-1"));
    assert.deepEqual(s3.requests.map(({ method }) => method), ["PUT"]);
  }));

Deno.test("ResultBucket.keep() comes again after a conflict of two writers", () =>
  withS3(async (s3, bucket) => {
    using results = open(bucket);
    let conflicts = 2;
    s3.answer = () => conflicts-- > 0 ? s3Error(409, "ConditionalRequestConflict") : undefined;
    assert.equal(await results.keep("happy-end", envelope("e-1")), true);
    assert.deepEqual(await bucket.keys(), ["2026-01-02/happy-end/e-1.json"]);
  }));

Deno.test("ResultBucket.keep() does not come again for ever", () =>
  withS3(async (s3, bucket) => {
    using results = open(bucket);
    s3.requests.length = 0;
    s3.answer = () => s3Error(409, "ConditionalRequestConflict");
    await assert.rejects(results.keep("happy-end", envelope("e-1")), ResultBucketError);
    assert.equal(s3.requests.length, 5);
  }));

Deno.test("ResultBucket.keep() keeps just after midnight without leave to look", () =>
  withS3(async (s3, bucket) => {
    using results = open(bucket, { now: () => AFTER_MIDNIGHT });
    s3.answer = ({ method }) => method === "HEAD" ? new Response(null, { status: 403 }) : undefined;
    assert.equal(await results.keep("happy-end", envelope("e-1")), true);
  }));

Deno.test("ResultBucket.keep() names a bucket that is missing, and does not make it", () =>
  withBucket(async ({ endpoint }) => {
    const bucket = `missing-${crypto.randomUUID()}`;
    using results = open({ endpoint, bucket });
    const expected = new RegExp(`bucket "${bucket}".*no such bucket; create it, or correct`);
    const rejected = () =>
      assert.rejects(results.keep("happy-end", envelope("e-1")), {
        name: "ResultBucketError",
        code: "results_unavailable",
        message: expected,
      });
    await rejected();
    await rejected(); // so nothing has made it
  }));

for (const code of ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"]) {
  Deno.test(`ResultBucket.keep() says what to do about ${code}, and tells no secret`, () =>
    withS3(async (s3, bucket) => {
      using results = open(bucket);
      s3.answer = () => s3Error(403, code);
      await assert.rejects(results.keep("happy-end", envelope("e-1")), ({ message }: Error) => {
        assert.match(message, new RegExp(`bucket "${bucket.bucket}".*${code}.*s3:PutObject`));
        assert.ok(!message.includes("AWS4-HMAC"));
        return true;
      });
    }));
}

Deno.test("ResultBucket.keep() says that the network is in the way", async () => {
  setTestCredentials();
  using results = open({ endpoint: "http://user:secret@127.0.0.1:1", bucket: "results" });
  await assert.rejects(results.keep("happy-end", envelope("e-1")), ({ message }: Error) => {
    assert.match(message, /bucket "results" of the S3 at http:\/\/127.0.0.1:1: .*ASYA_S3_ENDPOINT/);
    assert.ok(!message.includes("secret"));
    return true;
  });
});

Deno.test("ResultBucket.keep() ends when its signal aborts", () =>
  withS3(async (s3, bucket) => {
    using results = open(bucket);
    s3.answer = () => s3Error(409, "ConditionalRequestConflict");
    const stop = new AbortController();
    const kept = results.keep("happy-end", envelope("e-1"), stop.signal);
    stop.abort();
    await assert.rejects(kept, ResultBucketError);
  }));
