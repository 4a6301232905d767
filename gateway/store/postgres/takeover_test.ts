import assert from "node:assert/strict";
import { finished } from "../../envelopes/final.ts";
import { progressed } from "../../envelopes/progress.ts";
import { viewEnvelope } from "../../envelopes/view.ts";
import { follow } from "../../follow.ts";
import { type TestDatabase, testDatabase, WITHOUT } from "./testing.ts";

const { ignore, why } = WITHOUT;

/** The tables of Asya 0.1.x after its three migrations, without what only makes them fast. */
const TABLES = `
  CREATE TABLE envelopes (
    id text PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('pending','running','succeeded','failed','unknown')),
    route_actors text[] NOT NULL, route_current integer NOT NULL DEFAULT 0,
    payload jsonb, result jsonb, error text, timeout_sec integer, deadline timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    progress_percent numeric(5,2) DEFAULT 0, current_actor_idx integer DEFAULT 0,
    current_actor_name text, message text, actors_completed integer DEFAULT 0,
    total_actors integer DEFAULT 0, parent_id text
  );
  CREATE TABLE envelope_updates (
    id bigserial PRIMARY KEY, envelope_id text NOT NULL REFERENCES envelopes(id),
    status text NOT NULL, message text, result jsonb, error text,
    timestamp timestamptz NOT NULL DEFAULT now(), progress_percent numeric(5,2), actor text,
    envelope_state text
  );`;

const ROWS = `
  INSERT INTO envelopes (id, status, route_actors, route_current, payload, result, error,
    timeout_sec, deadline, created_at, updated_at, progress_percent, current_actor_idx,
    current_actor_name, message, actors_completed, total_actors, parent_id) VALUES
  ('open', 'running', '{prep,infer}', 1, '{"n": 12345678901234567890.5}', NULL, NULL, 60,
    now() + interval '1 hour', '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:06Z', 55.5, 1,
    'infer', 'at work', 1, 2, NULL),
  ('done', 'succeeded', '{prep}', 0, '1', '{"ok": true}', NULL, NULL, NULL,
    '2026-01-02T03:04:05Z', '2026-01-02T03:04:07.5Z', 100, 0, 'prep', NULL, 1, 1, NULL),
  ('bad', 'failed', '{prep}', 0, NULL, '{"error": "x"}', 'processing_error', NULL, NULL,
    '2026-01-02T03:04:05Z', '2026-01-02T03:04:08Z', 10, 0, NULL, 'Envelope failed', 0, 1, 'done'),
  ('late', 'pending', '{prep}', 0, '1', NULL, NULL, 60, '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 0, 0, NULL, NULL, 0, 1, NULL),
  ('odd\\id', 'unknown', ARRAY['a\\b'], 0, '1', NULL, NULL, NULL, NULL,
    '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
  INSERT INTO envelope_updates (envelope_id, status, message, progress_percent, actor,
    envelope_state, timestamp) VALUES
  ('done', 'running', 'second', 50, 'prep', 'processing', '2026-01-02T03:04:06.5Z'),
  ('done', 'pending', 'first', NULL, NULL, NULL, '2026-01-02T03:04:05Z'),
  ('done', 'succeeded', 'third', 100, NULL, NULL, '2026-01-02T03:04:07.5Z'),
  ('open', 'running', 'begun', 25, 'prep', 'received', '2026-01-02T03:04:05.9Z');`;

function test(name: string, body: (database: TestDatabase) => Promise<void>): void {
  Deno.test({ name: `openPostgresStore() ${name}${why}`, ignore }, async () => {
    await using database = await testDatabase();
    await body(database);
  });
}

test("takes over a database of Asya 0.1.x, and leaves its tables alone", async (database) => {
  await database.sql.unsafe(TABLES + ROWS);
  const store = await database.open();
  try {
    const done = (await store.get("done"))!;
    assert.deepEqual(JSON.parse(viewEnvelope(done)), {
      id: "done",
      status: "succeeded",
      route: { actors: ["prep"], current: 0 },
      payload: 1,
      result: { ok: true },
      progress_percent: 100,
      current_actor_idx: 0,
      current_actor_name: "prep",
      actors_completed: 1,
      total_actors: 1,
      created_at: "2026-01-02T03:04:05.000Z",
      updated_at: "2026-01-02T03:04:07.500Z",
    });
    const history = await store.updates("done", 0, 10);
    assert.deepEqual(
      history.map(({ seq, final, data, result }) => [seq, final, JSON.parse(data).message, result]),
      [[1, false, "first", undefined], [2, false, "second", undefined], [
        3,
        true,
        "Envelope succeeded",
        '{"ok": true}',
      ]],
    );
    assert.equal(JSON.parse(history[1]!.data).timestamp, "2026-01-02T03:04:06.500Z");
    const bad = (await store.get("bad"))!;
    assert.deepEqual(
      [bad.record.state, bad.record.error, bad.record.parentId, bad.payload, bad.result],
      ["failed", "processing_error", "done", "null", '{"error": "x"}'],
    );
    const listed = await store.list({ limit: 10, states: ["running"] });
    assert.deepEqual(listed.map(({ id }) => id), ["open", "odd\\id"]);
    assert.deepEqual((await store.list({ limit: 10, parentId: "done" })).map(({ id }) => id), [
      "bad",
    ]);
    assert.deepEqual((await store.head("odd\\id"))?.actors, ["a\\b"]);
    const [row] = await database.sql`SELECT count(*)::integer AS count FROM envelope_updates`;
    assert.equal(row?.count, 4);
  } finally {
    await store.close();
  }
});

test("lets envelopes of Asya 0.1.x go on to their end", async (database) => {
  await database.sql.unsafe(TABLES + ROWS);
  const store = await database.open();
  try {
    const open = (await store.get("open"))!;
    assert.equal(open.payload, '{"n": 12345678901234567890.5}');
    assert.equal(open.record.timeoutSeconds, 60);
    assert.deepEqual(await store.overdue(Date.now(), 10), ["late"]);
    assert.deepEqual(await store.claimUnpublished({ now: 1e15, until: 2e15, limit: 10 }), []);
    const report = { status: "completed", actorIdx: 1 } as const;
    await store.change("open", (record) => progressed(record, report, Date.now()));
    await store.change(
      "open",
      (record) => finished(record, { status: "succeeded", result: "7" }, Date.now()),
    );
    const seen: [number, string | undefined][] = [];
    const signal = AbortSignal.timeout(10_000);
    for await (const page of follow(store, "open", { after: 0, signal, idleMs: 5_000 })) {
      seen.push(...page.map(({ seq, result }): [number, string | undefined] => [seq, result]));
    }
    assert.deepEqual(seen, [[1, undefined], [2, undefined], [3, "7"]]);
    assert.equal((await store.get("open"))?.record.state, "succeeded");
  } finally {
    await store.close();
  }
  const again = await database.open(); // nothing is taken over twice
  assert.equal((await again.get("open"))?.record.state, "succeeded");
  await again.close();
});

test("leaves alone another program's table of that name", async (database) => {
  await database.sql.unsafe("CREATE TABLE envelopes (id integer, colour text)");
  const store = await database.open();
  assert.deepEqual(await store.list({ limit: 10 }), []);
  await store.close();
});
