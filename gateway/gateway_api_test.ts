import assert from "node:assert/strict";
import { FINAL_STATES } from "./envelopes/record.ts";
import { type Harness, startHarness, until } from "./testing/harness.ts";

// deno-lint-ignore no-explicit-any -- tests look into it
async function json(response: Response, status = 200): Promise<any> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text);
}

async function problem(response: Response, status: number, code: string): Promise<string> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const body = await json(response, status);
  assert.equal(body.code, code, body.detail);
  return body.detail;
}

const view = async (harness: Harness, id: string) =>
  await json(await harness.request("GET", `/envelopes/${id}`));
const end = (harness: Harness, id: string, body: object) =>
  harness.request("POST", `/envelopes/${id}/final`, body);

function send(
  { gateway }: Harness,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = gateway.app.request(path, { method: "POST", body: text, headers });
  return Promise.resolve(request);
}

const CALL = { name: "echo", arguments: { text: "hi" } };
const idOf = (answer: { content: [{ text: string }] }): string =>
  JSON.parse(answer.content[0].text).envelope_id;

Deno.test("GET /envelopes has pages of what is asked for, the newest first", async () => {
  let now = Date.parse("2026-03-01T00:00:00Z");
  await using harness = await startHarness({ now: () => now });
  const ids: string[] = [];
  for (const tool of ["pair", "pair", "echo", "pair"]) {
    now += 1_000;
    ids.unshift(await harness.call(tool, tool === "echo" ? { text: "a" } : {}));
  }
  await end(harness, ids[0]!, { status: "failed", error: "processing_error" });
  const list = async (query: string) =>
    await json(await harness.request("GET", `/envelopes?${query}`));
  const found = async (query: string) =>
    (await list(query)).envelopes.map(({ id }: { id: string }) => ids.indexOf(id));
  assert.deepEqual(await found(""), [0, 1, 2, 3]);
  assert.deepEqual(await found("tool=pair"), [0, 2, 3]);
  assert.deepEqual(await found("state=running&tool=pair"), [2, 3]);
  assert.deepEqual(await found("state=failed,cancelled"), [0]);
  assert.deepEqual(await found("state=failed&state=running"), [0, 1, 2, 3]);
  assert.deepEqual(await found("actor=prep&created_after=2026-03-01T00:00:02Z"), [0, 1, 2]);
  assert.deepEqual(await found("created_before=2026-03-01T01:00:02%2B01:00"), [3]);
  const first = await list("limit=3");
  assert.deepEqual(Object.keys(first.envelopes[0]).includes("payload"), false);
  assert.equal(first.envelopes[0].tool, "pair");
  const second = await list(`limit=3&cursor=${first.next_cursor}`);
  assert.deepEqual(second.envelopes.map(({ id }: { id: string }) => id), [ids[3]]);
  assert.equal(second.next_cursor, undefined);
});

for (
  const query of [
    "state=",
    "state=dancing",
    "limit=0",
    "limit=501",
    "limit=1e9",
    "limit=x",
    "cursor=x",
    "cursor=W10",
    `cursor=${"A".repeat(2_000)}`,
    "created_after=yesterday",
    "created_after=2026-13-01T00:00:00Z",
    "tool=",
    "tool=a&tool=b",
    `actor=${"x".repeat(300)}`,
    "order=asc",
    "__proto__=1",
  ]
) {
  Deno.test(`GET /envelopes?${query.slice(0, 40)} is 400`, async () => {
    await using harness = await startHarness();
    await problem(await harness.request("GET", `/envelopes?${query}`), 400, "query_invalid");
  });
}

Deno.test("GET /envelopes takes SQL for the names that it looks like", async () => {
  await using harness = await startHarness();
  await harness.call("pair", {});
  for (const sql of ["' OR '1'='1", "x'; DROP TABLE gateway_envelopes; --", '" OR 1=1 --', "%"]) {
    for (const name of ["tool", "actor", "parent"]) {
      const query = new URLSearchParams({ [name]: sql });
      const { envelopes } = await json(await harness.request("GET", `/envelopes?${query}`));
      assert.deepEqual(envelopes, [], sql);
    }
  }
  assert.equal((await json(await harness.request("GET", "/envelopes"))).envelopes.length, 1);
});

Deno.test("DELETE /envelopes/{id} cancels at once; what comes later changes nothing", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", {});
  const stream = harness.request("GET", `/envelopes/${id}/stream`);
  const answer = await json(await harness.request("DELETE", `/envelopes/${id}`));
  assert.deepEqual(answer, { id, status: "cancelled" });
  assert.match(await (await stream).text(), /"status":"cancelled"/);
  const before = await view(harness, id);
  assert.deepEqual([before.status, before.error], ["cancelled", "cancelled"]);
  await problem(await end(harness, id, { status: "succeeded", result: 1 }), 409, "envelope_final");
  const reports = [{ id, seq: 1, kind: "progress", status: "processing", current_actor_idx: 0 }];
  const told = await json(await harness.request("POST", "/reports", { reports }));
  assert.deepEqual(told.cancelled, [id]);
  assert.deepEqual(await view(harness, id), before);
  await problem(await harness.request("DELETE", `/envelopes/${id}`), 409, "envelope_final");
  await problem(await harness.request("DELETE", "/envelopes/x"), 404, "envelope_unknown");
});

Deno.test("DELETE /envelopes/{id} keeps what is not published from its queue", async () => {
  const go = Promise.withResolvers<void>();
  const sent: string[] = [];
  await using harness = await startHarness({
    publish: async (out) => {
      sent.push(...out.map(({ messageId }) => messageId));
      await go.promise;
      return out.map(() => ({ ok: true }));
    },
  });
  const first = idOf(await json(await harness.request("POST", "/tools/call", CALL)));
  await until("the first is being sent", () => sent.length === 1);
  const second = idOf(await json(await harness.request("POST", "/tools/call", CALL)));
  await json(await harness.request("DELETE", `/envelopes/${second}`));
  const third = idOf(await json(await harness.request("POST", "/tools/call", CALL)));
  go.resolve();
  await until("the third is sent", () => sent.length === 2);
  assert.deepEqual(sent, [first, third]);
  assert.equal((await view(harness, second)).status, "cancelled");
});

Deno.test("DELETE /envelopes/{id} cancels what was split off, however deep and however late", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", {});
  const child = (name: string, parent: string) =>
    harness.request("POST", "/envelopes", { id: name, parent_id: parent, actors: ["prep"] });
  await child("c1", id);
  await child("c2", id);
  await child("c11", "c1");
  await end(harness, "c1", { status: "succeeded", result: 1 });
  await json(await harness.request("DELETE", `/envelopes/${id}`));
  await child("c3", id);
  const progress = { kind: "progress", status: "processing", parent_id: id, current_actor_idx: 0 };
  const answer = await json(
    await harness.request("POST", "/reports", { reports: [{ ...progress, id: "c4", seq: 1 }] }),
  );
  assert.deepEqual(answer.cancelled, ["c4"]);
  const states = await Promise.all(
    ["c1", "c2", "c11", "c3", "c4"].map(async (name) => (await view(harness, name)).status),
  );
  assert.deepEqual(states, ["succeeded", "cancelled", "cancelled", "cancelled", "cancelled"]);
});

Deno.test("POST /envelopes/{id}/retry goes on where it failed, with what that actor was given", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", { any: { n: 1 } });
  const failure = '{"status":"failed","error":"timeout_error","actors":["prep","infer"],' +
    '"current_actor_idx":1,"current_actor_name":"infer","original_payload":{"n": 1.0}}';
  await json(await harness.request("POST", `/envelopes/${id}/final`, failure));
  const answer = await json(await harness.request("POST", `/envelopes/${id}/retry`), 202);
  assert.equal(answer.retry_of, id);
  assert.equal(answer.from_actor, "infer");
  await until("it is sent", () => harness.sent.length === 2);
  const { actor, body } = harness.sent[1]!;
  assert.equal(actor, "infer");
  const text = new TextDecoder().decode(body);
  assert.ok(text.includes('"payload":{"n": 1.0}'), text);
  const envelope = JSON.parse(text);
  const { traceparent } = JSON.parse(new TextDecoder().decode(harness.sent[0]!.body)).headers;
  assert.deepEqual(envelope.headers, { "x-asya-retry-of": id, traceparent });
  assert.deepEqual([envelope.id, envelope.route.current], [answer.envelope_id, 1]);
  assert.notEqual(envelope.id, id);
  assert.equal((await view(harness, id)).status, "failed");
  await until("it runs", async () => (await view(harness, envelope.id)).status === "running");
  assert.equal((await view(harness, envelope.id)).tool, "pair");
});

Deno.test("POST /envelopes/{id}/retry begins anew where nobody told what the actor was given", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", { any: {} });
  await json(await harness.request("DELETE", `/envelopes/${id}`));
  const answer = await json(await harness.request("POST", `/envelopes/${id}/retry`), 202);
  assert.equal(answer.from_actor, "prep");
  await until("it is sent", () => harness.sent.length === 2);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(harness.sent[1]!.body)).payload, {
    any: {},
  });
});

Deno.test("POST /envelopes/{id}/retry is 409 for what has not failed, 404 for what is not there", async () => {
  await using harness = await startHarness();
  const retry = (id: string) => harness.request("POST", `/envelopes/${id}/retry`);
  const id = await harness.call("pair", {});
  await problem(await retry(id), 409, "envelope_not_failed");
  await harness.request("POST", "/envelopes", { id: "child", parent_id: id, actors: ["prep"] });
  await end(harness, "child", { status: "failed", error: "x" });
  await problem(await retry("child"), 409, "payload_unknown");
  await end(harness, id, { status: "succeeded", result: 1 });
  await problem(await retry(id), 409, "envelope_not_failed");
  await problem(await retry("nobody"), 404, "envelope_unknown");
  assert.equal(harness.sent.length, 1);
});

Deno.test("POST /tools/call with one Idempotency-Key is one call, whoever is faster", async () => {
  let now = Date.now();
  await using harness = await startHarness({ now: () => now });
  const call = async (key: string, body: unknown = CALL) =>
    await send(harness, "/tools/call", body, { "idempotency-key": key });
  const answers = await Promise.all(Array.from({ length: 10 }, async () => json(await call("k1"))));
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
  assert.notEqual(idOf(await json(await call("k2"))), idOf(answers[0]));
  const other = { ...CALL, arguments: { text: "other" } };
  await problem(await call("k1", other), 422, "idempotency_key_reused");
  await problem(await call("k1", { name: "pair" }), 422, "idempotency_key_reused");
  now += 24 * 3_600_000 + 1;
  await until("published", () => harness.sent.length === 2);
  assert.notEqual(idOf(await json(await call("k1", other))), idOf(answers[0]));
  for (const key of ["", "x".repeat(256)]) {
    await problem(await call(key), 400, "idempotency_key_invalid");
  }
});

Deno.test("POST /tools/call with Prefer: wait answers with the result, every digit of it", async () => {
  await using harness = await startHarness();
  const waiting = send(harness, "/tools/call", CALL, { prefer: "respond-async, wait=60" });
  await until("sent", () => harness.sent.length === 1);
  const id = harness.sent[0]!.messageId;
  await json(
    await harness.request(
      "POST",
      `/envelopes/${id}/final`,
      '{"status":"succeeded","result":{"n":9007199254740993}}',
    ),
  );
  const response = await waiting;
  assert.equal(response.headers.get("preference-applied"), "wait");
  const text = await response.text();
  assert.ok(text.includes('"structuredContent":{"n":9007199254740993}'), text);
  const { content, isError, _meta } = JSON.parse(text);
  assert.deepEqual(content, [{ type: "text", text: '{"n":9007199254740993}' }]);
  assert.deepEqual([isError, _meta.envelope_id], [undefined, id]);
});

Deno.test("POST /tools/call with Prefer: wait tells a failure, and answers as ever when time is over", async () => {
  await using harness = await startHarness();
  const failing = send(harness, "/tools/call", CALL, { prefer: "wait=60" });
  await until("sent", () => harness.sent.length === 1);
  const details = { message: "no such model" };
  const failure = { status: "failed", error: "processing_error", error_details: details };
  await end(harness, harness.sent[0]!.messageId, failure);
  const { content, isError } = await json(await failing);
  assert.equal(isError, true);
  assert.equal(content[0].text, "processing_error: no such model");
  const late = await send(harness, "/tools/call", CALL, { prefer: "wait=0" });
  assert.equal(late.headers.get("preference-applied"), null);
  assert.ok(idOf(await json(late)));
});

Deno.test("POST /envelopes/{id}/retry with Prefer: wait answers with the envelope", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", {});
  await end(harness, id, { status: "failed", error: "x" });
  const waiting = send(harness, `/envelopes/${id}/retry`, "", { prefer: "wait=60" });
  await until("sent", () => harness.sent.length === 2);
  await end(harness, harness.sent[1]!.messageId, { status: "succeeded", result: [1] });
  const { status, result, headers } = await json(await waiting);
  assert.deepEqual([status, result, headers["x-asya-retry-of"]], ["succeeded", [1], id]);
  assert.ok((FINAL_STATES as readonly string[]).includes(status));
});

Deno.test("a client that waits is answered when the gateway closes", async () => {
  await using harness = await startHarness();
  const waiting = send(harness, "/tools/call", CALL, { prefer: "wait=300" });
  await until("sent", () => harness.sent.length === 1);
  await harness.gateway.close();
  assert.equal(idOf(await json(await waiting)), harness.sent[0]!.messageId);
});
