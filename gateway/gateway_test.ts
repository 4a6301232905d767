import assert from "node:assert/strict";
import { MessageTooLarge, QueueMissing, TransportUnavailable } from "@asya/transport";
import { cancelled } from "./envelopes/cancel.ts";
import { MAX_CALL_BYTES, MAX_RESULT_BYTES } from "./http/body.ts";
import { type Harness, startHarness, until } from "./testing/harness.ts";

const PROBLEM = "application/problem+json";

async function problem(
  response: Response,
): Promise<{ status: number; code: string; detail: string }> {
  assert.equal(response.headers.get("content-type"), PROBLEM);
  const { type, title, status, detail, code } = await response.json();
  assert.equal(type, "about:blank");
  assert.ok(title.length > 0);
  assert.equal(status, response.status);
  return { status, code, detail };
}

// deno-lint-ignore no-explicit-any -- tests look into it
async function view(harness: Harness, id: string): Promise<any> {
  return await (await harness.request("GET", `/envelopes/${id}`)).json();
}

Deno.test("POST /tools/call: digits of arguments reach the queue and the view", async () => {
  await using harness = await startHarness({
    yaml:
      "tools: [{ name: t, route: [prep], parameters: { n: { type: integer }, f: { type: number }, o: { type: object } } }]",
  });
  const args =
    '{"n":9007199254740993,"f":1.0,"o":{"e":1e400,"z":-0,"l":[123456789012345678901234567890]}}';
  const response = await harness.request("POST", "/tools/call", `{"name":"t","arguments":${args}}`);
  const { envelope_id: id } = JSON.parse((await response.json()).content[0].text);
  await until("published", () => harness.sent.length === 1);
  const body = new TextDecoder().decode(harness.sent[0]!.body);
  assert.ok(body.includes(`"payload":${args}`), body);
  const shown = await (await harness.request("GET", `/envelopes/${id}`)).text();
  assert.ok(shown.includes(`"payload":${args}`), shown);
});

Deno.test("POST /tools/call: the envelope is stored before it is published", async () => {
  const seen: boolean[] = [];
  await using harness: Harness = await startHarness({
    publish: async (out) => {
      for (const { messageId } of out) seen.push(await harness.store.head(messageId) !== undefined);
      return out.map(() => ({ ok: true }));
    },
  });
  await harness.call("echo", { text: "a" });
  assert.deepEqual(seen, [true]);
});

Deno.test("POST /tools/call: an actor without a queue fails the envelope at once", async () => {
  await using harness = await startHarness({
    publish: (out) =>
      Promise.resolve(out.map(({ actor }) => ({ ok: false, error: new QueueMissing(actor) }))),
  });
  const id = await harness.call("echo", { text: "a" });
  const { status, error, result } = await view(harness, id);
  assert.deepEqual([status, error], ["failed", "route_error"]);
  assert.match(result.details.message, /actor "prep" has no queue/);
});

Deno.test("POST /tools/call: a payload that the queue refuses fails the envelope", async () => {
  await using harness = await startHarness({
    publish: (out) =>
      Promise.resolve(out.map(() => ({ ok: false, error: new MessageTooLarge(20, 10) }))),
  });
  const id = await harness.call("echo", { text: "a" });
  assert.equal((await view(harness, id)).error, "resource_limit");
});

Deno.test("POST /tools/call: an absent broker delays the envelope and does not lose it", async () => {
  let away = true;
  let now = Date.now();
  const sent: string[] = [];
  await using harness = await startHarness({
    now: () => now,
    publish: (out) => {
      if (away) {
        return Promise.resolve(
          out.map(() => ({ ok: false, error: new TransportUnavailable("no broker") })),
        );
      }
      sent.push(...out.map(({ messageId }) => messageId));
      return Promise.resolve(out.map(() => ({ ok: true })));
    },
  });
  const response = await harness.request("POST", "/tools/call", {
    name: "echo",
    arguments: { text: "a" },
  });
  const { envelope_id: id } = JSON.parse((await response.json()).content[0].text);
  await until("postponed", async () => (await harness.store.head(id))!.publishAfter! < now + 5_000);
  assert.equal((await view(harness, id)).status, "pending");
  away = false;
  now += 5_000;
  await until("sent", () => sent.length > 0);
  await until("running", async () => (await view(harness, id)).status === "running");
  assert.deepEqual(sent, [id]);
});

Deno.test("POST /tools/call: a publish that throws is repeated when the claim ends", async () => {
  let now = Date.now();
  let calls = 0;
  await using harness = await startHarness({
    now: () => now,
    publish: (out) => {
      if (++calls === 1) return Promise.reject(new Error("bug"));
      return Promise.resolve(out.map(() => ({ ok: true })));
    },
  });
  await harness.request("POST", "/tools/call", { name: "echo", arguments: { text: "a" } });
  await until("tried", () => harness.logged.some((line) => line.includes("publishing failed")));
  assert.equal(calls, 1);
  now += 31_000;
  await until("tried again", () => calls === 2);
});

Deno.test("a call fails as deadline_exceeded when its time is over, and its late end is 409", async () => {
  let now = Date.now();
  await using harness = await startHarness({ now: () => now });
  const id = await harness.call("short", {});
  now += 1_001;
  await until("failed", async () => (await view(harness, id)).status === "failed");
  const found = await view(harness, id);
  assert.equal(found.error, "deadline_exceeded");
  assert.match(found.result.details.message, /1 s/);
  const late = await harness.request("POST", `/envelopes/${id}/final`, {
    status: "succeeded",
    result: 1,
  });
  assert.equal((await problem(late)).code, "envelope_final");
  assert.deepEqual(await view(harness, id), found);
});

Deno.test("a call without a time-out stays open", async () => {
  let now = Date.now();
  await using harness = await startHarness({ now: () => now });
  const id = await harness.call("pair", {});
  const short = await harness.call("short", {});
  now += 1e9;
  await until("the other failed", async () => (await view(harness, short)).status === "failed");
  assert.equal((await view(harness, id)).status, "running");
});

Deno.test("percent never falls and stays below 100 until the end", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", {});
  const report = async (status: string, idx: number) => {
    const response = await harness.request("POST", `/envelopes/${id}/progress`, {
      status,
      current_actor_idx: idx,
    });
    return (await response.json()).progress_percent;
  };
  const seen = [
    await report("received", 0), // 5
    await report("completed", 0), // 50
    await report("received", 0), // late: stays 50
    await report("processing", 1), // 75
    await report("completed", 1), // 100, but it is open
  ];
  assert.deepEqual(seen, [5, 50, 50, 75, 99]);
  const found = await view(harness, id);
  assert.deepEqual([found.actors_completed, found.route.current, found.current_actor_name], [
    2,
    2,
    "infer",
  ]);
  await harness.request("POST", `/envelopes/${id}/final`, { status: "succeeded", result: 1 });
  assert.equal((await view(harness, id)).progress_percent, 100);
});

Deno.test("a lost report of an actor's start does not make its completion another actor's", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", {});
  const completed = (idx: number) =>
    harness.request("POST", `/envelopes/${id}/progress`, {
      status: "completed",
      current_actor_idx: idx,
    });
  await completed(0);
  await completed(1);
  assert.equal((await view(harness, id)).actors_completed, 2);
});

Deno.test("POST final of an unknown child creates it, registering it later changes nothing", async () => {
  await using harness = await startHarness();
  const parent = await harness.call("pair", {});
  const child = `${parent}-1`;
  const final = { id: child, parent_id: parent, status: "succeeded", result: { r: 1 } };
  assert.equal((await harness.request("POST", `/envelopes/${child}/final`, final)).status, 200);
  const found = await view(harness, child);
  assert.deepEqual([found.status, found.parent_id, found.result], ["succeeded", parent, { r: 1 }]);
  const registered = await harness.request("POST", "/envelopes", {
    id: child,
    parent_id: parent,
    actors: ["prep", "infer"],
    current: 1,
  });
  assert.equal(registered.status, 201);
  assert.deepEqual(await view(harness, child), found);
});

Deno.test("POST final of an id without a known parent is 404", async () => {
  await using harness = await startHarness();
  for (const body of [{ status: "failed" }, { status: "failed", parent_id: "nobody" }]) {
    const response = await harness.request("POST", "/envelopes/nobody-1/final", body);
    assert.equal((await problem(response)).code, "envelope_unknown");
  }
});

Deno.test("POST /envelopes of an unknown parent is 404", async () => {
  await using harness = await startHarness();
  const response = await harness.request("POST", "/envelopes", {
    id: "x-1",
    parent_id: "x",
    actors: ["prep"],
    current: 0,
  });
  assert.equal((await problem(response)).code, "parent_unknown");
});

Deno.test("POST final with error cancelled makes the state cancelled", async () => {
  await using harness = await startHarness();
  const id = await harness.call("echo", { text: "a" });
  await harness.request("POST", `/envelopes/${id}/final`, { status: "failed", error: "cancelled" });
  assert.equal((await view(harness, id)).status, "cancelled");
  assert.equal((await harness.request("GET", `/envelopes/${id}/active`)).status, 410);
});

Deno.test("POST /reports applies good reports, names cancelled, unknown and refused ones", async () => {
  await using harness = await startHarness();
  const [a, b] = [await harness.call("pair", {}), await harness.call("pair", {})];
  await harness.store.change(b, (record) => cancelled(record, Date.now()));
  const response = await harness.request("POST", "/reports", {
    reports: [
      { id: a, seq: 1, kind: "progress", status: "received", current_actor_idx: 0 },
      { id: b, seq: 1, kind: "progress", status: "received", current_actor_idx: 0 },
      { id: "nobody", seq: 1, kind: "progress", status: "received", current_actor_idx: 0 },
      { id: a, seq: 2, kind: "progress", status: "dancing" },
      { id: a, seq: 3, kind: "guess" },
      { id: `${a}-1`, seq: 1, kind: "child", parent_id: a, actors: ["prep", "infer"], current: 1 },
      { id: `${a}-1`, seq: 2, kind: "final", parent_id: a, status: "succeeded", result: 1 },
      { seq: 9, kind: "progress" },
      { id: a, seq: 4, kind: "progress", status: "completed", current_actor_idx: 0 },
    ],
  });
  assert.equal(response.status, 200);
  const { cancelled: stopped, unknown, refused } = await response.json();
  assert.deepEqual([stopped, unknown], [[b], ["nobody"]]);
  assert.deepEqual(refused.map(({ index }: { index: number }) => index).sort(), [3, 4, 7]);
  assert.equal((await view(harness, a)).progress_percent, 50);
  assert.equal((await view(harness, `${a}-1`)).status, "succeeded");
});

Deno.test("POST /reports keeps progress that comes after the end as history, with its own time", async () => {
  await using harness = await startHarness();
  const id = await harness.call("pair", {});
  const at = (ms: number) => new Date(ended + ms).toISOString();
  const ended = Date.now();
  const progress = (status: string, ms: number) => ({
    id,
    kind: "progress",
    status,
    current_actor_idx: 0,
    actors: ["prep", "infer", "more"],
    timestamp: at(ms),
  });
  const final = { status: "succeeded", result: 1, timestamp: at(0) };
  await harness.request("POST", `/envelopes/${id}/final`, final);
  const before = await view(harness, id);
  const reports = [progress("processing", -30), progress("completed", -20)];
  const response = await harness.request("POST", "/reports", { reports });
  assert.deepEqual(await response.json(), { cancelled: [], unknown: [], refused: [] });
  const single = await harness.request("POST", `/envelopes/${id}/progress`, reports[0]);
  assert.equal((await problem(single)).code, "envelope_final");
  assert.deepEqual(await view(harness, id), before);
  const history = await harness.store.updates(id, 1, 10);
  assert.deepEqual(
    history.map(({ seq, final, data }) => {
      const { envelope_state, timestamp, progress_percent } = JSON.parse(data);
      return [seq, final, envelope_state, timestamp, progress_percent];
    }),
    [
      [2, false, "processing", at(-30), undefined],
      [3, false, "completed", at(-20), undefined],
      [4, true, undefined, at(0), 100],
    ],
  );
});

Deno.test("POST /reports doubts a time of the future, of long ago, and what is no time", async () => {
  const now = Date.parse("2026-03-01T00:00:00Z");
  await using harness = await startHarness({ now: () => now });
  const id = await harness.call("echo", { text: "a" });
  const times = ["2026-03-01T00:00:05Z", "0001-01-01T00:00:00Z", "soon", "2026-02-28T23:59:59.5Z"];
  const reports = times.map((timestamp) => ({
    id,
    kind: "progress",
    status: "received",
    timestamp,
  }));
  const response = await harness.request("POST", "/reports", { reports });
  assert.deepEqual((await response.json()).refused, []);
  const history = await harness.store.updates(id, 1, 10);
  assert.deepEqual(history.map(({ data }) => JSON.parse(data).timestamp), [
    "2026-03-01T00:00:00.000Z",
    "2026-03-01T00:00:00.000Z",
    "2026-03-01T00:00:00.000Z",
    "2026-02-28T23:59:59.500Z",
  ]);
});

Deno.test("POST /reports: progress that overtakes its child's registration creates the child", async () => {
  await using harness = await startHarness();
  const parent = await harness.call("pair", {});
  const id = `${parent}-1`;
  const split = Date.now() - 50;
  const report = (more: object, ms: number) => ({
    reports: [{ id, parent_id: parent, timestamp: new Date(split + ms).toISOString(), ...more }],
  });
  const actors = ["prep", "infer"];
  const received = { kind: "progress", status: "received", current_actor_idx: 1, actors };
  await harness.request("POST", "/reports", report(received, 10));
  assert.equal((await view(harness, id)).created_at, new Date(split + 10).toISOString());
  const child = { kind: "child", actors, current: 1, parent_actor_idx: 0 };
  const response = await harness.request("POST", "/reports", report(child, 0));
  assert.deepEqual((await response.json()).unknown, []);
  const found = await view(harness, id);
  assert.deepEqual(
    [found.parent_id, found.parent_actor_name, found.parent_actor_idx, found.created_at],
    [parent, "prep", 0, new Date(split).toISOString()],
  );
  assert.deepEqual([found.status, found.progress_percent], ["running", 55]);
  await harness.request("POST", "/reports", report({ ...child, parent_actor_idx: 1 }, 5));
  assert.deepEqual(await view(harness, id), found);
});

Deno.test("POST /reports of something that is no batch is 400", async () => {
  await using harness = await startHarness();
  for (
    const body of [
      "[]",
      "{}",
      '{"reports":{}}',
      '{"reports":[',
      JSON.stringify({ reports: Array(1001).fill(1) }),
    ]
  ) {
    const response = await harness.request("POST", "/reports", body);
    assert.equal((await problem(response)).status, 400, body.slice(0, 40));
  }
});

const BAD_BODIES: readonly [string, Uint8Array | string][] = [
  ["that is cut off", '{"name":"echo","arguments":{"text":"'],
  [
    "that is not UTF-8",
    new Uint8Array([...new TextEncoder().encode('{"name":"'), 0xff, 0x22, 0x7d]),
  ],
  [
    "with 10,000 levels",
    `{"name":"echo","arguments":{"text":${"[".repeat(1e4)}${"]".repeat(1e4)}}}`,
  ],
  ["with a million levels", `{"a":${"[".repeat(1e6)}`],
  ["with a doubled name", '{"name":"echo","name":"pair"}'],
  ["that is null", "null"],
  ["that is empty", ""],
];

for (const [what, body] of BAD_BODIES) {
  Deno.test(`a body ${what} is 400 on every route, and nothing is stored`, async () => {
    await using harness = await startHarness();
    const id = await harness.call("echo", { text: "a" });
    const before = await view(harness, id);
    for (
      const path of [
        "/tools/call",
        "/envelopes",
        "/reports",
        `/envelopes/${id}/progress`,
        `/envelopes/${id}/final`,
      ]
    ) {
      const response = await harness.request("POST", path, body);
      assert.equal((await problem(response)).status, 400, path);
    }
    assert.equal(harness.sent.length, 1);
    assert.deepEqual(await view(harness, id), before);
  });
}

Deno.test("a body over the limit of its route is 413, one below it is taken", async () => {
  await using harness = await startHarness();
  const id = await harness.call("echo", { text: "a" });
  const text = (bytes: number) => `{"name":"echo","arguments":{"text":"${"x".repeat(bytes)}"}}`;
  const final = (bytes: number) => `{"status":"succeeded","result":"${"x".repeat(bytes)}"}`;
  const status = async (path: string, body: string) => {
    const response = await harness.request("POST", path, body);
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status("/tools/call", text(8_000_000)), 413);
  assert.equal(await status("/tools/call", text(80_000_000)), 413);
  assert.equal(await status("/tools/call", text(MAX_CALL_BYTES - 100)), 200);
  assert.equal(await status(`/envelopes/${id}/final`, final(80_000_000)), 413);
  assert.equal((await view(harness, id)).status, "running");
  assert.equal(await status(`/envelopes/${id}/final`, final(MAX_RESULT_BYTES - 100)), 200);
  assert.equal((await view(harness, id)).status, "succeeded");
});

Deno.test("a body over the limit is 413 on a real connection too", async () => {
  await using harness = await startHarness();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    harness.gateway.app.fetch,
  );
  const url = `http://127.0.0.1:${server.addr.port}/tools/call`;
  const response = await fetch(url, { method: "POST", body: new Uint8Array(8_000_000) });
  assert.equal((await problem(response)).code, "body_too_large");
  const chunk = new Uint8Array(1_000_000);
  let chunks = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (++chunks > 80) controller.close();
      else controller.enqueue(chunk);
    },
  });
  // Without a length: the gateway stops reading; the client sees the answer or a closed connection.
  const answer = await fetch(url, { method: "POST", body: endless }).then(
    async (late) => (await problem(late)).status,
    (error) => error instanceof TypeError ? 413 : 0,
  );
  assert.equal(answer, 413);
  assert.equal((await (await fetch(new URL("/health", url))).text()).trim(), "OK");
});

Deno.test("ids with odd characters are looked up, not interpreted", async () => {
  await using harness = await startHarness();
  for (const id of ["%2e%2e%2fetc", "a%00b", "%", "x".repeat(5_000), "%F0%9F%98%80"]) {
    const response = await harness.request("GET", `/envelopes/${id}`);
    assert.equal((await problem(response)).status, 404, id.slice(0, 20));
  }
});

Deno.test("unknown paths and wrong methods have problem details", async () => {
  await using harness = await startHarness();
  assert.equal((await problem(await harness.request("GET", "/nowhere"))).code, "not_found");
  const wrong = await harness.request("DELETE", "/tools/call");
  assert.equal(wrong.headers.get("allow"), "POST");
  assert.equal((await problem(wrong)).code, "method_not_allowed");
});

Deno.test("reports need the mesh token where there is one; reading needs none", async () => {
  let token = "s3cret";
  await using harness = await startHarness({ meshTokens: () => [token] });
  const id = await harness.call("echo", { text: "a" });
  const paths = ["/envelopes", "/reports", `/envelopes/${id}/progress`, `/envelopes/${id}/final`];
  const send = (path: string, authorization?: string) =>
    harness.gateway.app.request(path, {
      method: "POST",
      body: "{}",
      headers: authorization === undefined ? {} : { authorization },
    });
  for (const path of paths) {
    for (const given of [undefined, "Bearer wrong", "Bearer ", "Basic s3cret", "s3cret"]) {
      const response = await send(path, given);
      assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/);
      assert.equal((await problem(response)).status, 401, `${path} ${given}`);
    }
    assert.equal((await send(path, "Bearer s3cret")).status, 400, path);
    assert.equal((await send(path, "bearer s3cret")).status, 400, path);
  }
  token = "another";
  assert.equal((await send("/reports", "Bearer s3cret")).status, 401);
  assert.equal((await harness.request("GET", `/envelopes/${id}`)).status, 200);
});

Deno.test("a gateway for its own machine refuses foreign hosts and origins", async () => {
  await using harness = await startHarness({ loopback: true });
  const get = async (headers: Record<string, string>) =>
    (await harness.gateway.app.request("/health", { headers })).status;
  assert.equal(await get({ host: "localhost:8080" }), 200);
  assert.equal(await get({ host: "127.0.0.1:1" }), 200);
  assert.equal(await get({ host: "[::1]:8080", origin: "http://localhost:3000" }), 200);
  assert.equal(await get({ host: "evil.example" }), 403);
  assert.equal(await get({ host: "localhost", origin: "https://evil.example" }), 403);
  assert.equal(await get({ host: "localhost", origin: "null" }), 403);
});

Deno.test("a store that is away is 503 with Retry-After", async () => {
  await using harness = await startHarness();
  await harness.gateway.close();
  await harness.store.close();
  const response = await harness.request("GET", "/envelopes/x");
  assert.equal(response.headers.get("retry-after"), "1");
  assert.equal((await problem(response)).code, "store_unavailable");
});
