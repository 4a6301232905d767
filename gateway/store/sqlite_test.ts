import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { newCall } from "../envelopes/create.ts";
import { openSqliteStore } from "./sqlite.ts";
import { StoreUnavailable } from "./store.ts";
import { testStore } from "./store_suite.ts";

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
    db.exec("UPDATE gateway_schema SET version = 2");
    db.close();
    assert.throws(() => openSqliteStore(path), /version 2/);
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
