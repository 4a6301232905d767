import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { Gateway } from "./gateway.ts";
import type { ProgressReport, Report } from "./report.ts";
import { Reporter } from "./reporter.ts";
import { FakeGateway } from "./test_gateway.ts";
import { until } from "./test_stage.ts";

const log = createLogger({ level: "error", write: () => undefined });

/** The n-th state of an envelope. */
function progress(n: number, id = `e-${n}`): ProgressReport {
  const state = { status: "completed", ms: n } as const;
  const place = { actors: ["prep"], current: 0, parentId: undefined, attempt: 1 };
  return { kind: "progress", id, ...place, state };
}

function partial(n: number): Report {
  return { kind: "partial", id: "e-1", payload: `${n}` };
}

function child(id: string): Report {
  const place = { actors: ["prep"], current: 0, parentActorIdx: 0 };
  return { kind: "child", id, parentId: "e-1", ...place };
}

function reporterTo(url: string) {
  const told = { dropped: 0, cancelled: [] as string[] };
  const reporter = new Reporter({
    gateway: new Gateway({ url, tokenFile: undefined, fetch, log }),
    log,
    now: () => 1_000,
    onDropped: (count) => told.dropped += count,
    onCancelled: (ids) => told.cancelled.push(...ids),
  });
  return { reporter, told };
}

Deno.test("Reporter.report() posts what comes together as one batch, numbered", async () => {
  await using gateway = new FakeGateway();
  const { reporter, told } = reporterTo(gateway.url);
  for (let n = 0; n < 5; n++) reporter.report(progress(n));
  await reporter.close();
  assert.equal(gateway.requests.length, 1);
  assert.deepEqual(gateway.reports.map(({ id }) => id), ["e-0", "e-1", "e-2", "e-3", "e-4"]);
  assert.deepEqual(gateway.reports.map(({ seq }) => seq - gateway.reports[0].seq), [0, 1, 2, 3, 4]);
  assert.deepEqual(told, { dropped: 0, cancelled: [] });
});

Deno.test("Reporter.report() tells when a thing happened, however late it is sent", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  reporter.report(progress(1));
  await reporter.close();
  assert.equal(gateway.reports[0].timestamp, "1970-01-01T00:00:01.000Z");
});

Deno.test("Reporter.report() replaces progress that waits, and nothing else", async () => {
  await using gateway = new FakeGateway();
  const { reporter, told } = reporterTo(gateway.url);
  const last = [progress(2, "e-2"), partial(0), child("e-1-1"), partial(1), child("e-1-2")];
  for (const report of [progress(1, "e-1"), ...last, progress(3, "e-1")]) reporter.report(report);
  await reporter.close();
  assert.deepEqual(
    gateway.reports.map(({ id, kind, duration_ms: ms, payload }) => [id, kind, ms ?? payload]),
    [
      ["e-2", "progress", 2],
      ["e-1", "partial", 0],
      ["e-1-1", "child", undefined],
      ["e-1", "partial", 1],
      ["e-1-2", "child", undefined],
      ["e-1", "progress", 3],
    ],
  );
  assert.equal(told.dropped, 0);
});

Deno.test("Reporter.report() keeps progress at two places of a route apart", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  reporter.report(progress(1, "e-1"));
  reporter.report({ ...progress(2, "e-1"), current: 2 });
  await until(() => gateway.reports.length === 2, "both");
  await reporter.close();
  assert.deepEqual(gateway.reports.map((r) => r.current_actor_idx), [0, 2]);
});

Deno.test("Reporter.report() tells of one envelope at most once in 250 ms, the last state at last", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  const began = performance.now();
  let n = 0;
  const working = setInterval(() => reporter.report(progress(++n, "e-1")), 5);
  await until(() => gateway.reports.length === 3, "three reports");
  clearInterval(working);
  reporter.report(progress(++n, "e-1"));
  await until(() => gateway.reports.at(-1).duration_ms === n, "the last state");
  const most = 1 + Math.floor((performance.now() - began) / 250);
  assert.ok(gateway.reports.length <= most, `${gateway.reports.length} reports, not ${most}`);
  await reporter.close();
});

Deno.test("Reporter.report() does not hold other envelopes up for one that was told of just now", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  reporter.report(progress(1, "e-1"));
  await until(() => gateway.reports.length === 1, "the first");
  reporter.report(progress(2, "e-1"));
  reporter.report(progress(3, "e-2"));
  await until(() => gateway.reports.length === 3, "all");
  assert.deepEqual(gateway.reports.map(({ id }) => id), ["e-1", "e-2", "e-1"]);
  await reporter.close();
});

/** How long `count` reports took, each flushed and awaited before the next. */
async function flushed(gateway: FakeGateway, count: number): Promise<number> {
  const { reporter } = reporterTo(gateway.url);
  const before = gateway.reports.length;
  const began = performance.now();
  for (let n = 1; n <= count; n++) {
    reporter.report(progress(n));
    reporter.flush();
    await until(() => gateway.reports.length === before + n, "the post");
  }
  const took = performance.now() - began;
  await reporter.close();
  return took;
}

Deno.test("Reporter.flush() sends at once what waits for company", async () => {
  await using gateway = new FakeGateway();
  let least = Infinity;
  for (let turn = 0; turn < 20; turn++) least = Math.min(least, await flushed(gateway, 1));
  assert.ok(least < 40, `none of them was sent at once: ${least} ms`);
});

Deno.test("Reporter.flush() waits where something was sent just now", async () => {
  await using gateway = new FakeGateway();
  const took = await flushed(gateway, 10);
  assert.ok(took > 9 * 39, `10 posts within ${took} ms`);
});

Deno.test("Reporter.report() tells which envelopes are to stop", async () => {
  await using gateway = new FakeGateway();
  gateway.answer = () => Response.json({ cancelled: ["e-2", 7], unknown: ["e-3"] });
  const { reporter, told } = reporterTo(gateway.url);
  reporter.report(progress(1));
  await until(() => told.cancelled.length > 0, "the answer");
  assert.deepEqual(told.cancelled, ["e-2"]);
  await reporter.close();
});

Deno.test("Reporter.report() repeats a batch that the gateway could not take", async () => {
  await using gateway = new FakeGateway();
  let tries = 0;
  gateway.answer = () => new Response("", { status: tries++ === 0 ? 503 : 200 });
  const { reporter, told } = reporterTo(gateway.url);
  reporter.report(progress(1));
  await until(() => tries === 2, "a second try");
  await reporter.close();
  assert.equal(told.dropped, 0);
});

Deno.test("Reporter.report() replaces even what the gateway could not take", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  gateway.answer = () => {
    gateway.answer = () => Response.json({});
    reporter.report(progress(2, "e-1"));
    reporter.report(progress(3, "e-3"));
    return new Response("", { status: 500 });
  };
  for (const report of [progress(1, "e-1"), partial(0), child("e-1-1")]) reporter.report(report);
  await until(() => gateway.requests.length === 2, "a second try");
  await reporter.close();
  assert.deepEqual(
    gateway.requests[1]!.body.reports.map(({ id, kind }: Report) => [id, kind]),
    [["e-1", "partial"], ["e-1-1", "child"], ["e-1", "progress"], ["e-3", "progress"]],
  );
});

Deno.test("Reporter.told() resolves when the gateway has the envelope's partial results", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  assert.equal(reporter.told("e-1"), undefined, "there are none");
  const posted = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<Response>();
  gateway.answer = () => {
    gateway.answer = () => Response.json({});
    posted.resolve();
    return answered.promise;
  };
  reporter.report(partial(0));
  const told = reporter.told("e-1");
  await posted.promise;
  reporter.report(partial(1)); // while the first is under way
  answered.resolve(Response.json({}));
  await told;
  assert.deepEqual(gateway.reports.map(({ payload }) => payload), [0, 1]);
  assert.equal(reporter.told("e-1"), undefined, "all are told");
  await reporter.close();
});

Deno.test("Reporter.told() waits a moment for a gateway that hangs, and then no more", async () => {
  await using gateway = new FakeGateway();
  const { reporter } = reporterTo(gateway.url);
  const answered = Promise.withResolvers<Response>();
  gateway.answer = () => answered.promise;
  reporter.report(partial(0));
  await reporter.told("e-1"); // or the test never ends
  assert.equal(reporter.told("e-1"), undefined);
  answered.resolve(Response.json({}));
  gateway.answer = () => Response.json({});
  await until(() => {
    reporter.report(partial(1));
    return reporter.told("e-1") !== undefined;
  }, "it answers again");
  await reporter.told("e-1");
  await reporter.close();
});

Deno.test("Reporter.told() does not wait for what nobody will get", async () => {
  await using gateway = new FakeGateway();
  gateway.answer = (path) => new Response("", { status: path === "/reports" ? 404 : 200 });
  const { reporter, told } = reporterTo(gateway.url);
  reporter.report(partial(0));
  await reporter.told("e-1");
  assert.equal(told.dropped, 1);
  assert.equal(reporter.told("e-1"), undefined);
  await reporter.close();
});

Deno.test("Reporter.report() falls back to single posts for a gateway without batches", async () => {
  await using gateway = new FakeGateway();
  gateway.answer = (path) => new Response("", { status: path === "/reports" ? 404 : 200 });
  const { reporter, told } = reporterTo(gateway.url);
  for (const report of [progress(1, "e-1"), child("e-1-1"), partial(0)]) reporter.report(report);
  await reporter.close();
  const paths = ["/reports", "/envelopes/e-1/progress", "/envelopes"];
  assert.deepEqual(gateway.requests.map(({ path }) => path), paths);
  assert.equal(told.dropped, 1, "it knows no partial results");
});

Deno.test("Reporter.report() keeps a bounded number while the gateway is away, the newest", async () => {
  await using gateway = new FakeGateway();
  const { reporter, told } = reporterTo(gateway.url);
  for (let n = 0; n < 12_000; n++) reporter.report(progress(n));
  assert.ok(told.dropped >= 2_000, `${told.dropped} dropped`);
  await until(() => gateway.requests.at(-1)?.body.reports.at(-1).id === "e-11999", "the newest");
  await reporter.close();
  assert.equal(gateway.reports.length, 12_000 - told.dropped);
  assert.equal(gateway.reports[0].id, `e-${told.dropped}`);
});

Deno.test("Reporter.report() keeps a bounded number of characters", () => {
  const { reporter, told } = reporterTo("http://127.0.0.1:1");
  const payload = `"${"x".repeat(60_000)}"`;
  for (let n = 0; n < 400; n++) reporter.report({ kind: "partial", id: "e-1", payload });
  assert.ok(told.dropped > 0, "24 MB were kept");
  return reporter.close();
});

Deno.test("Reporter.close() sends even what was told of just now", async () => {
  await using gateway = new FakeGateway();
  const { reporter, told } = reporterTo(gateway.url);
  reporter.report(progress(1, "e-1"));
  await until(() => gateway.reports.length === 1, "the first");
  reporter.report(progress(2, "e-1"));
  await reporter.close();
  assert.deepEqual(gateway.reports.map((r) => r.duration_ms), [1, 2]);
  assert.equal(told.dropped, 0);
});

Deno.test("Reporter.close() gives up after a second and counts what it had", async () => {
  const { reporter, told } = reporterTo("http://127.0.0.1:1");
  for (let n = 0; n < 3; n++) reporter.report(progress(n));
  await reporter.close();
  assert.equal(told.dropped, 3);
  reporter.report(progress(4));
  assert.equal(told.dropped, 4);
});

Deno.test("Gateway.post() sends the token, and a new one after a 401", async () => {
  await using gateway = new FakeGateway();
  const tokenFile = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(tokenFile, "one\n");
    gateway.answer = () =>
      new Response("", {
        status: gateway.requests.at(-1)!.authorization === "Bearer two" ? 200 : 401,
      });
    const client = new Gateway({ url: gateway.url, tokenFile, fetch, log });
    assert.equal((await client.post("/x", "{}")).status, 401);
    await Deno.writeTextFile(tokenFile, "two\none\n");
    assert.equal((await client.post("/x", "{}")).status, 200);
    assert.equal(gateway.requests[0]!.authorization, "Bearer one");
  } finally {
    await Deno.remove(tokenFile);
  }
});
