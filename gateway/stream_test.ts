import assert from "node:assert/strict";
import { eventStream, formatEvent } from "./http/event_stream.ts";
import { envelopeEvents } from "./routes/envelopes.ts";
import { type Harness, startHarness, until } from "./testing/harness.ts";
import { allEvents, readEvents, type SseEvent } from "./testing/sse.ts";

/** The harness behind a real port; streams are read as a client reads them. */
async function withServer(body: (harness: Harness, url: string) => Promise<void>): Promise<void> {
  await using harness = await startHarness();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    harness.gateway.app.fetch,
  );
  try {
    await body(harness, `http://127.0.0.1:${server.addr.port}`);
  } finally {
    await harness.gateway.close();
    await server.shutdown();
  }
}

const progress = (message: string) => ({ status: "processing", current_actor_idx: 0, message });

async function report(harness: Harness, id: string, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) {
    const response = await harness.request("POST", `/envelopes/${id}/progress`, progress(`u${i}`));
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
}

async function succeed(harness: Harness, id: string, result: string): Promise<void> {
  const body = `{"status":"succeeded","result":${result}}`;
  const response = await harness.request("POST", `/envelopes/${id}/final`, body);
  assert.equal(response.status, 200);
  await response.body?.cancel();
}

function numbers(events: SseEvent[]): number[] {
  return events.map(({ id }) => id);
}

Deno.test("GET stream has every update once and in order while 200 are being written", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    const writing = report(harness, id, 1, 200).then(() => succeed(harness, id, "1"));
    const clients = Array.from({ length: 10 }, async (_, i) => {
      // Each connects at another moment of the writing.
      await until(
        `${i * 15} written`,
        async () => (await harness.store.updates(id, i * 15, 1)).length > 0,
      );
      return await allEvents(await fetch(`${url}/envelopes/${id}/stream`));
    });
    const expected = [
      "Sending envelope to first actor",
      ...Array.from({ length: 200 }, (_, i) => `u${i + 1}`),
      "Envelope completed successfully",
    ];
    for (const events of await Promise.all(clients)) {
      assert.deepEqual(events.map(({ data }) => data.message), expected);
      assert.deepEqual(numbers(events), expected.map((_, i) => i + 1));
    }
    await writing;
  }));

Deno.test("GET stream with Last-Event-ID has exactly the rest", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    await report(harness, id, 1, 50);
    let last = 0;
    for await (const event of readEvents(await fetch(`${url}/envelopes/${id}/stream`))) {
      last = event.id;
      if (last === 20) break;
    }
    await report(harness, id, 51, 60);
    const again = await fetch(`${url}/envelopes/${id}/stream`, {
      headers: { "last-event-id": String(last) },
    });
    const rest = allEvents(again);
    await report(harness, id, 61, 70);
    await succeed(harness, id, "1");
    assert.deepEqual(numbers(await rest), Array.from({ length: 52 }, (_, i) => i + 21));
  }));

Deno.test("GET stream of a finished envelope has its history and closes", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    await succeed(harness, id, '{\n  "big": 9007199254740993\r\n}');
    const response = await fetch(`${url}/envelopes/${id}/stream`);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const text = await response.text();
    assert.match(
      text,
      /^event: update\nid: 2\ndata: .*\ndata: {3}"big": 9007199254740993\ndata: }}$/m,
    );
  }));

Deno.test("GET stream tells a client that knows the end already to stay away", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    await succeed(harness, id, "1");
    const response = await fetch(`${url}/envelopes/${id}/stream`, {
      headers: { "last-event-id": "2" },
    });
    assert.equal(response.status, 204);
  }));

Deno.test("GET stream tells a report that came after the end before the end, and the end last", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    await report(harness, id, 1, 40); // more than one page
    const live = allEvents(await fetch(`${url}/envelopes/${id}/stream`));
    await succeed(harness, id, "1");
    assert.equal((await live).at(-1)!.data.status, "succeeded");
    const late = { id, kind: "progress", ...progress("late") };
    const response = await harness.request("POST", "/reports", { reports: [late] });
    assert.equal(response.status, 200);
    const rest = async (after: number) => {
      const headers = { "last-event-id": String(after) };
      return await fetch(`${url}/envelopes/${id}/stream`, { headers });
    };
    const events = await allEvents(await rest(40));
    assert.deepEqual(events.map(({ id, data }) => [id, data.message, data.result]), [
      [41, "u40", undefined],
      [42, "late", undefined],
      [43, "Envelope completed successfully", 1],
    ]);
    // Who knew the end by its old number is told it once more, and then to stay away.
    assert.deepEqual(numbers(await allEvents(await rest(42))), [43]);
    assert.equal((await rest(43)).status, 204);
  }));

Deno.test("GET stream has partial results as events of their own, in order", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    const events = allEvents(await fetch(`${url}/envelopes/${id}/stream`));
    const response = await harness.request("POST", "/reports", {
      reports: [
        { id, seq: 1, kind: "partial", payload: { token: "a" } },
        { id, seq: 2, kind: "partial", payload: "b" },
        { id, seq: 3, kind: "final", status: "succeeded", result: "ab" },
      ],
    });
    assert.deepEqual(await response.json(), { cancelled: [], unknown: [], refused: [] });
    const seen = (await events).map(({ event, data }) => [event, data.payload ?? data.result]);
    assert.deepEqual(seen, [
      ["update", undefined],
      ["partial", { token: "a" }],
      ["partial", "b"],
      ["update", "ab"],
    ]);
  }));

Deno.test("GET stream of an unknown envelope is 404", () =>
  withServer(async (_, url) => {
    const response = await fetch(`${url}/envelopes/nobody/stream`);
    assert.equal(response.status, 404);
    assert.equal((await response.json()).code, "envelope_unknown");
  }));

Deno.test("close() ends open streams", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    const events = allEvents(await fetch(`${url}/envelopes/${id}/stream`));
    await harness.gateway.close();
    assert.equal((await events).length, 1);
  }));

Deno.test("a client that leaves a stream leaves nothing behind", () =>
  withServer(async (harness, url) => {
    const id = await harness.call("echo", { text: "hi" });
    let watching = 0;
    const watch = harness.store.watch.bind(harness.store);
    harness.store.watch = (...args) => {
      watching++;
      const undo = watch(...args);
      return () => {
        watching--;
        undo();
      };
    };
    const leave = new AbortController();
    const response = await fetch(`${url}/envelopes/${id}/stream`, { signal: leave.signal });
    await response.body!.getReader().read();
    assert.equal(watching, 1);
    leave.abort();
    await until("nobody watches", () => watching === 0);
  }));

Deno.test("envelopeEvents() sends a comment where nothing happens", async () => {
  await using harness = await startHarness();
  const id = await harness.call("echo", { text: "hi" });
  const stop = new AbortController();
  const events = envelopeEvents(harness.store, id, {
    after: 1,
    signal: stop.signal,
    keepaliveMs: 5,
  });
  assert.equal((await events.next()).value, ": keepalive\n\n");
  assert.equal((await events.next()).value, ": keepalive\n\n");
  stop.abort();
  assert.equal((await events.next()).done, true);
});

Deno.test("eventStream() makes a chunk only when the one before was taken", async () => {
  let made = 0;
  async function* endless(): AsyncGenerator<string> {
    for (;;) yield await Promise.resolve(formatEvent("update", ++made, "{}"));
  }
  let ended = 0;
  const response = eventStream(endless(), { stallMs: 10_000, onEnd: () => ended++ });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.read();
  assert.ok(made <= 4, `${made} chunks for two reads`);
  await reader.cancel();
  assert.equal(ended, 1);
});

Deno.test("eventStream() drops a client that takes nothing, and tells it how to come back", async () => {
  const ended = Promise.withResolvers<void>();
  async function* two(): AsyncGenerator<string> {
    yield await Promise.resolve("event: update\nid: 1\ndata: {}\n\n");
    yield await new Promise<string>(() => {}); // the rest never comes
  }
  const response = eventStream(two(), { stallMs: 10, onEnd: ended.resolve });
  await ended.promise;
  assert.match(await response.text(), /^event: update[^]*: too slow, reconnect with Last-Event-ID/);
});
