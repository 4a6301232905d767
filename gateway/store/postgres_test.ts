import assert from "node:assert/strict";
import { newCall, published } from "../envelopes/create.ts";
import { finished } from "../envelopes/final.ts";
import { progressed } from "../envelopes/progress.ts";
import { type EnvelopeRecord, isFinal } from "../envelopes/record.ts";
import { follow } from "../follow.ts";
import { openPostgresStore, StoreTooNew } from "./postgres.ts";
import { parseDatabaseUrl } from "./postgres/address.ts";
import { Database } from "./postgres/database.ts";
import { forget } from "./postgres/reads.ts";
import { migrate, MIGRATIONS } from "./postgres/schema.ts";
import { type TestDatabase, testDatabase, WITHOUT } from "./postgres/testing.ts";
import { type Store, StoreUnavailable } from "./store.ts";
import { oldRecords, testStore } from "./store_suite.ts";

const { ignore, why } = WITHOUT;
if (!ignore) testStore("openPostgresStore()", () => testDatabase());

function test(name: string, body: (database: TestDatabase) => Promise<void>): void {
  Deno.test({ name: `openPostgresStore() ${name}${why}`, ignore }, async () => {
    await using database = await testDatabase();
    await body(database);
  });
}

/** Two gateways' stores in one database. */
async function withTwo(
  database: TestDatabase,
  body: (one: Store, two: Store) => Promise<void>,
): Promise<void> {
  const stores = await Promise.all([database.open(), database.open()]);
  try {
    await body(...stores);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

const call = (id: string, more: { timeoutSeconds?: number; publishAfter?: number } = {}) => ({
  record: newCall({ id, actors: ["prep"], now: 1_000, publishAfter: 5_000, ...more }),
});
const step = (record: EnvelopeRecord) =>
  progressed(record, { status: "processing", actorIdx: 0 }, 2_000);
const end = (result: string) => (record: EnvelopeRecord) =>
  finished(record, { status: "succeeded", result }, 3_000);
const many = <T>(count: number, one: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => one(index));

/** Waits for a condition. @throws Error after ten seconds */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("hears what another gateway writes", (database) =>
  withTwo(database, async (one, two) => {
    const id = "a\0\\ä";
    await one.create(call(id), "1");
    const seen = Promise.withResolvers<number>();
    const undo = two.watch(id, async () => seen.resolve((await two.updates(id, 0, 10)).length));
    await one.change(id, step);
    assert.equal(await seen.promise, 1);
    undo();
  }));

test("lets one of many finals of several gateways win", (database) =>
  withTwo(database, async (one, two) => {
    await one.create(call("a"), "1");
    const outcomes = await Promise.all(
      many(40, (n) => [one, two][n % 2]!.change("a", end(String(n)))),
    );
    const winner = outcomes.findIndex((outcome) => outcome?.changed);
    assert.equal(outcomes.filter((outcome) => outcome?.changed).length, 1);
    assert.equal((await two.get("a"))?.result, String(winner));
    assert.equal((await two.updates("a", 0, 50)).length, 1);
  }));

test("loses no change and no number where gateways race", (database) =>
  withTwo(database, async (one, two) => {
    const ids = many(10, (n) => `e${n}`);
    await Promise.all(ids.map((id) => one.create(call(id), "1")));
    await Promise.all(many(20, async (turn) => {
      const order = turn % 2 ? ids : ids.toReversed(); // no order leads into a deadlock
      await Promise.all(order.map((id) => [one, two][turn % 2]!.change(id, step)));
    }));
    for (const id of ids) {
      const numbers = async () => (await one.updates(id, 0, 100)).map(({ seq }) => seq);
      await until("all is heard", async () => (await numbers()).length >= 20);
      assert.deepEqual(await numbers(), many(20, (n) => n + 1));
    }
  }));

test("decides anew where another gateway has written since", (database) =>
  withTwo(database, async (one, two) => {
    await one.create(call("a"), "1");
    await two.change("a", end("2"));
    const outcome = await one.change(
      "a",
      (record) => isFinal(record.state) ? undefined : step(record),
    );
    assert.deepEqual([outcome?.changed, outcome?.record.state], [false, "succeeded"]);
    // What it would not change, or not at all, it looks at anew too.
    await one.create(call("b"), "1");
    await two.change("b", end("2"));
    const states: string[] = [];
    const seen = await one.change("b", ({ state }) => {
      states.push(state);
      if (state === "pending") throw new Error("decided on what is out of date");
      return undefined;
    });
    assert.deepEqual([seen?.changed, seen?.record.state], [false, "succeeded"]);
    assert.equal(states.at(-1), "succeeded");
  }));

test("gives each update once, in order, whoever wrote it and whoever asks", (database) =>
  withTwo(database, async (one, two) => {
    await one.create(call("a"), "1");
    const gathered = [one, two].map(async (store) => {
      const signal = AbortSignal.timeout(10_000);
      const found: [number, string | undefined][] = [];
      for await (const page of follow(store, "a", { after: 0, signal, idleMs: 5_000 })) {
        for (const { seq, result } of page) found.push([seq, result]);
      }
      return found;
    });
    for (let n = 0; n < 30; n++) await [one, two][n % 3 ? 1 : 0]!.change("a", step);
    await two.change("a", end('"done"'));
    const expected = [...many(30, (n) => [n + 1, undefined]), [31, '"done"']];
    for (const found of await Promise.all(gathered)) assert.deepEqual(found, expected);
  }));

test("adds an id once, whoever adds it", (database) =>
  withTwo(database, async (one, two) => {
    const made = await Promise.all(
      many(40, (n) => [one, two][n % 2]!.create(call(`e${n >> 2}`), String(n))),
    );
    assert.equal(made.filter(Boolean).length, 10);
    const first = made.slice(0, 4).indexOf(true);
    assert.equal((await one.get("e0"))?.payload, String(first));
  }));

test("shares unpublished envelopes out, and gives back those of a gateway that is gone", (database) =>
  withTwo(database, async (one, two) => {
    await Promise.all(many(50, (n) => one.create(call(`e${n}`, { publishAfter: n }), "1")));
    const claims = await Promise.all(
      many(8, (n) => [one, two][n % 2]!.claimUnpublished({ now: 100, until: 900, limit: 20 })),
    );
    const ids = claims.flat().map(({ record }) => record.id);
    assert.equal(new Set(ids).size, ids.length, "nothing is claimed twice");
    // A claim leaves out what another is just looking at; the next one gets it.
    const rest = await one.claimUnpublished({ now: 100, until: 900, limit: 50 });
    assert.equal(ids.length + rest.length, 50);
    assert.deepEqual(await two.claimUnpublished({ now: 899, until: 999, limit: 50 }), []);
    assert.equal((await two.claimUnpublished({ now: 900, until: 999, limit: 50 })).length, 50);
  }));

test("does not let a claim undo a change, nor a change a claim", (database) =>
  withTwo(database, async (one, two) => {
    await one.create(call("a", { publishAfter: 1 }), "1");
    let claimed = false;
    await one.change("a", (record) => { // decided on a record that is claimed meanwhile
      if (claimed) assert.equal(record.publishAfter, 900);
      return step(record);
    });
    const taken = await Promise.all([
      two.claimUnpublished({ now: 100, until: 900, limit: 1 }).then((found) => {
        claimed = true;
        return found.length;
      }),
      ...many(20, () => one.change("a", step)),
    ]);
    assert.equal(taken[0], 1);
    assert.equal((await one.head("a"))?.publishAfter, 900);
    assert.equal((await one.updates("a", 0, 50)).length, 21);
    assert.equal((await one.change("a", (record) => published(record, 2)))?.changed, true);
    assert.deepEqual(await two.claimUnpublished({ now: 1e6, until: 2e6, limit: 1 }), []);
  }));

test("wakes everybody when it has been deaf", (database) =>
  withTwo(database, async (one, two) => {
    await one.create(call("a"), "1");
    let woken = 0;
    const undo = two.watch("a", () => woken++);
    const cut = await database.sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
    assert.equal(cut.length, 2);
    await until("it looks again", () => Promise.resolve(woken > 0));
    await until("it listens again", async () => {
      const before = woken;
      await one.change("a", step);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return woken > before;
    });
    undo();
    assert.match(database.logged.join("\n"), /are not heard"[^]*are heard again/);
  }));

test("recovers from lost sessions and loses nothing that it said was stored", async (database) => {
  const store = await database.open();
  const stored: string[] = [];
  let refused = 0;
  let over = false;
  const writers = many(8, async (writer) => {
    for (let n = 0; !over; n++) {
      const id = `${writer}-${n}`;
      try {
        await store.create(call(id), "1");
        await store.change(id, step);
        stored.push(id);
      } catch (error) {
        assert.ok(error instanceof StoreUnavailable, String(error));
        refused++;
      }
    }
  });
  try {
    for (let round = 0; round < 5; round++) {
      const before = stored.length;
      await until("it works", () => Promise.resolve(stored.length > before + 20));
      await database.sql`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    }
    over = true;
    await Promise.all(writers);
    assert.ok(refused > 0);
  } finally {
    over = true;
    await store.close();
  }
  const again = await database.open();
  const counts = await Promise.all(
    stored.map(async (id) => (await again.updates(id, 0, 10)).length),
  );
  await again.close();
  assert.deepEqual(counts.filter((count) => count !== 1), []);
});

test("prepares a database once, however many begin at once", async (database) => {
  const stores = await Promise.all(many(6, () => database.open()));
  await Promise.all(stores.map((store, n) => store.create(call(`e${n}`), "1")));
  await Promise.all(stores.map((store) => store.close()));
  const rows = await database.sql`SELECT version FROM gateway_schema`;
  assert.deepEqual(rows.map(({ version }) => version).sort(), MIGRATIONS.map((_, n) => n + 1));
});

test("refuses tables of a later version, naming both", async (database) => {
  await (await database.open()).close();
  await database.sql`INSERT INTO gateway_schema (version) VALUES (99)`;
  await assert.rejects(database.open(), (error) => {
    assert.ok(error instanceof StoreTooNew);
    assert.match(
      error.message,
      new RegExp(`have version 99, this program knows ${MIGRATIONS.length}`),
    );
    return true;
  });
});

test("takes over a database of the version before", async (place) => {
  const database = new Database(parseDatabaseUrl(place.url), { connections: 1 });
  await migrate(database, MIGRATIONS.slice(0, 1));
  await database.close();
  for (const record of oldRecords) {
    await place.sql`INSERT INTO gateway_envelopes (id, record, version, seq, payload)
      VALUES (${record.id}, ${JSON.stringify(record)}, 1, 0, '1')`;
  }
  const store = await place.open();
  const ids = async (query: object) =>
    (await store.list({ limit: 9, ...query })).map(({ id }) => id);
  assert.deepEqual(await ids({}), ["open", "child", "ended"]);
  assert.deepEqual(await ids({ states: ["running"] }), ["open", "child"]);
  assert.deepEqual(await ids({ actor: "prep" }), ["child", "ended"]);
  assert.deepEqual(await ids({ actor: "infer" }), ["open"]);
  assert.deepEqual(await ids({ parentId: "open" }), ["child"]);
  assert.deepEqual(await store.get("open"), { record: oldRecords[0], payload: "1" });
  await store.close();
});

test("needs no right to make tables where they are there", async (database) => {
  await (await database.open()).close();
  const role = `plain_${crypto.randomUUID().slice(0, 8)}`;
  const secret = "p@ss/w:rd#?%&= +\"'\\ä";
  await database.sql.unsafe(
    `CREATE ROLE "${role}" LOGIN PASSWORD '${secret.replaceAll("'", "''")}';
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "${role}"`,
  );
  const url = new URL(database.url);
  url.username = role;
  url.password = encodeURIComponent(secret);
  const store = await openPostgresStore(url.href, { log: database.log });
  try {
    assert.equal(await store.create(call("a"), "1"), true);
    assert.equal((await store.change("a", step))?.changed, true);
  } finally {
    await store.close();
    await database.sql.unsafe(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
  }
});

test("waits for a database that is away, and tells nobody the password", async (database) => {
  const url = new URL(database.url);
  url.port = "1";
  const away = await openPostgresStore(url.href, { log: database.log });
  const wrong = new URL(database.url);
  wrong.password = "hunter2";
  const refused = await openPostgresStore(wrong.href, { log: database.log });
  for (const store of [away, refused]) {
    await assert.rejects(store.get("a"), StoreUnavailable);
    await assert.rejects(store.create(call("a"), "1"), StoreUnavailable);
    await assert.rejects(store.claimUnpublished({ now: 1, until: 2, limit: 1 }), StoreUnavailable);
    await store.close();
  }
  const log = database.logged.join("\n");
  assert.match(log, /waiting for the database/);
  assert.match(log, /password authentication failed/);
  assert.ok(!log.includes("hunter2") && !log.includes(new URL(database.url).password));
});

test("keeps many small changes of rows small", async (database) => {
  const store = await database.open();
  await store.create(call("a", { timeoutSeconds: 60 }), JSON.stringify("x".repeat(1_000)));
  for (let n = 0; n < 10; n++) await Promise.all(many(200, () => store.change("a", step)));
  await store.close();
  const [sizes] = await database.sql`SELECT pg_relation_size('gateway_envelopes') AS rows`;
  assert.ok(Number(sizes!.rows) < 1 << 20, `${sizes!.rows} bytes of rows`);
});

test("deletes by itself what ended longer ago than it is to be kept", async (database) => {
  const store = await database.open({ retentionMs: 3_600_000 });
  await Promise.all(many(250, async (n) => {
    await store.create(call(`e${n}`), "1");
    await store.change(`e${n}`, (r) => finished(r, { status: "failed" }, n % 2 ? 1 : Date.now()));
  }));
  const left = () => database.sql`SELECT count(*)::int AS count FROM gateway_envelopes`;
  await until("the old ones are gone", async () => (await left())[0]!.count === 125);
  assert.notEqual(await store.head("e0"), undefined);
  await store.close();
});

Deno.test(
  { name: `forget() deletes what ended long ago, so many at a time${why}`, ignore },
  async () => {
    await using place = await testDatabase();
    const store = await place.open();
    const database = new Database(parseDatabaseUrl(place.url), { connections: 1 });
    await Promise.all(many(5, async (n) => {
      await store.create(call(`e${n}`), "1");
      await store.change(`e${n}`, step);
      if (n > 0) await store.change(`e${n}`, (r) => finished(r, { status: "failed" }, n * 1_000));
    }));
    assert.equal(await forget(database, 3_500, 2), 2);
    assert.equal(await forget(database, 3_500, 2), 1);
    assert.equal(await forget(database, 3_500, 2), 0);
    const left = await Promise.all(many(5, async (n) => (await store.head(`e${n}`))?.state));
    assert.deepEqual(left, ["running", undefined, undefined, undefined, "failed"]);
    const [rows] = await place.sql`SELECT count(*)::int AS count FROM gateway_updates`;
    assert.equal(rows!.count, 1 + 2);
    await database.close();
    await store.close();
  },
);

Deno.test(
  { name: `migrate() brings older tables forward, step by step${why}`, ignore },
  async () => {
    await using place = await testDatabase();
    const database = new Database(parseDatabaseUrl(place.url), { connections: 1 });
    const steps = [
      "CREATE TABLE t (a integer);",
      "ALTER TABLE t ADD b integer;",
      "SELECT no_such();",
    ];
    await migrate(database, steps.slice(0, 1));
    await assert.rejects(migrate(database, steps), StoreUnavailable);
    const columns = () =>
      place.sql`SELECT attname FROM pg_attribute
    WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum`;
    assert.deepEqual((await columns()).map(({ attname }) => attname), ["a"], "all or nothing");
    await migrate(database, steps.slice(0, 2));
    await migrate(database, steps.slice(0, 2));
    assert.deepEqual((await columns()).map(({ attname }) => attname), ["a", "b"]);
    await database.close();
  },
);
