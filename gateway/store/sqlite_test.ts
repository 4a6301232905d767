import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { newCall } from "../envelopes/create.ts";
import { finished } from "../envelopes/final.ts";
import { openSqliteStore } from "./sqlite.ts";
import { MIGRATIONS } from "./sqlite/schema.ts";
import { StoreUnavailable } from "./store.ts";
import { oldRecords, testStore } from "./store_suite.ts";
import { until } from "../testing/harness.ts";

testStore("openSqliteStore()", async () => {
  const folder = await Deno.makeTempDir();
  return {
    open: () => Promise.resolve(openSqliteStore(`${folder}/store.sqlite`)),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
});

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("openSqliteStore() frees the claims of the process before", () =>
  inFolder(async (folder) => {
    const path = `${folder}/s.sqlite`;
    const first = openSqliteStore(path);
    const record = newCall({ id: "a", actors: ["prep"], now: 0, publishAfter: 1e15 });
    await first.create({ record }, "1");
    await first.close();
    const second = openSqliteStore(path);
    const claimed = await second.claimUnpublished({ now: 1, until: 2, limit: 10 });
    assert.deepEqual(claimed.map((found) => found.record.id), ["a"]);
    await second.close();
  }));

Deno.test("openSqliteStore() refuses a file that is no database, naming it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/notes.txt`;
    await Deno.writeTextFile(path, "these are notes, not tables; ".repeat(100));
    assert.throws(() => openSqliteStore(path), (error) => {
      assert.ok(error instanceof StoreUnavailable);
      assert.match(error.message, /notes\.txt/);
      return true;
    });
    assert.throws(() => openSqliteStore(`${folder}/no/such/folder.sqlite`), StoreUnavailable);
  }));

Deno.test("openSqliteStore() refuses tables of a later version", () =>
  inFolder(async (folder) => {
    const path = `${folder}/s.sqlite`;
    await openSqliteStore(path).close();
    const db = new DatabaseSync(path);
    db.exec("UPDATE gateway_schema SET version = 7");
    db.close();
    assert.throws(() => openSqliteStore(path), /version 7, this program knows 3/);
  }));

Deno.test("openSqliteStore() waits without stopping while another process writes", () =>
  inFolder(async (folder) => {
    const path = `${folder}/s.sqlite`;
    const store = openSqliteStore(path);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const record = newCall({ id: "a", actors: ["prep"], now: 0, publishAfter: 1 });
    let created = false;
    const creating = store.create({ record }, "1").then(() => created = true);
    const turns = Array.from({ length: 5 }, () => new Promise((done) => setTimeout(done, 10)));
    await Promise.all(turns); // the event loop goes on, and so do reads
    assert.equal(await store.head("a"), undefined);
    assert.equal(created, false);
    other.exec("COMMIT");
    await creating;
    assert.deepEqual(await store.head("a"), record);
    other.close();
    await store.close();
  }));

Deno.test("openSqliteStore() keeps its file private", () =>
  inFolder(async (folder) => {
    const path = `${folder}/s.sqlite`;
    await openSqliteStore(path).close();
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  }));

Deno.test("openSqliteStore() takes over a file of the version before", () =>
  inFolder(async (folder) => {
    const path = `${folder}/s.sqlite`;
    const db = new DatabaseSync(path);
    db.exec("CREATE TABLE gateway_schema (version INTEGER NOT NULL)");
    db.exec(`INSERT INTO gateway_schema VALUES (1); ${MIGRATIONS[0]}`);
    for (const record of oldRecords) {
      db.prepare("INSERT INTO gateway_envelopes (id, record, seq) VALUES (?, ?, 0)")
        .run(record.id, JSON.stringify(record));
      db.prepare("INSERT INTO gateway_bodies (id, payload) VALUES (?, '1')").run(record.id);
    }
    db.close();
    const store = openSqliteStore(path, { retentionMs: 1_000 });
    const ids = async (query: object) =>
      (await store.list({ limit: 9, ...query })).map(({ id }) => id);
    assert.deepEqual(await ids({}), ["open", "child", "ended"]);
    assert.deepEqual(await ids({ states: ["running"] }), ["open", "child"]);
    assert.deepEqual(await ids({ actor: "prep" }), ["child", "ended"]);
    assert.deepEqual(await ids({ parentId: "open" }), ["child"]);
    assert.deepEqual(await store.get("open"), { record: oldRecords[0], payload: "1" });
    await until("what ended long ago is deleted", async () => (await ids({})).length === 2);
    await store.close();
    await openSqliteStore(path).close();
  }));

Deno.test("openSqliteStore() deletes what ended longer ago than it is to be kept", () =>
  inFolder(async (folder) => {
    const path = `${folder}/s.sqlite`;
    const before = openSqliteStore(path);
    await Promise.all(Array.from({ length: 50 }, async (_, n) => {
      const id = `e${n}`;
      const record = newCall({ id, actors: ["prep"], now: 0, publishAfter: 1 });
      await before.create({ record }, "1");
      const end = { status: "failed", error: "x" } as const;
      if (n > 0) await before.change(id, (r) => finished(r, end, n % 2 ? 1 : Date.now()));
    }));
    await before.close();
    const store = openSqliteStore(path, { retentionMs: 3_600_000 });
    const left = async () => (await store.list({ limit: 100 })).map(({ id }) => id);
    await until("the old ones are gone", async () => (await left()).length === 25);
    assert.ok((await left()).every((id) => Number(id.slice(1)) % 2 === 0));
    assert.deepEqual(await store.updates("e1", 0, 10), []);
    assert.equal((await store.updates("e2", 0, 10)).length, 1);
    await store.close();
  }));
