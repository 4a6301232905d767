import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { TransportUnavailable } from "../queue.ts";
import { start } from "../conformance/processes.ts";
import { drain, put } from "../conformance/subject.ts";
import { withFile } from "./fixture.ts";
import { openSqliteTransport } from "./open.ts";

function refused(path: string, what: RegExp): void {
  assert.throws(
    () => openSqliteTransport({ path }),
    (error) => {
      assert.ok(error instanceof TransportUnavailable, String(error));
      assert.match(error.message, what);
      assert.ok(error.message.includes(path), `names the file: ${error.message}`);
      return true;
    },
  );
}

withFile("openSqliteTransport() keeps its files from other users", async ({ folder, open }) => {
  const queue = open().queue("work");
  await queue.declare("work");
  await put(queue, "work", "secret");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  assert.ok(names.includes("queue.sqlite") && names.includes("queue.sqlite-wal"), String(names));
  for (const name of names) {
    assert.equal((Deno.statSync(join(folder, name)).mode ?? 0) & 0o077, 0, name);
  }
});

withFile("openSqliteTransport() creates the folder only when asked", async ({ folder }) => {
  const path = join(folder, "a/b/queue.sqlite");
  refused(path, /folder .*a\/b .*does not exist; create it/);
  await openSqliteTransport({ path, createFolder: true }).close();
  assert.ok(Deno.statSync(path).isFile);
});

withFile("openSqliteTransport() refuses a path below a file", ({ folder }) => {
  Deno.writeTextFileSync(join(folder, "file"), "");
  refused(join(folder, "file/queue.sqlite"), /must be a folder/);
});

withFile("openSqliteTransport() refuses a folder as its file", ({ folder }) => {
  refused(folder, /must be a folder, .* a file/);
});

withFile(
  "openSqliteTransport() refuses a file that is no database, and leaves it alone",
  ({ path }) => {
    const text = "not a database, but long enough to have a header".repeat(100);
    Deno.writeTextFileSync(path, text);
    refused(path, /not an SQLite database; name another file/);
    assert.equal(Deno.readTextFileSync(path), text);
  },
);

withFile("openSqliteTransport() refuses the tables of a newer program", async ({ path, open }) => {
  await open().close();
  const db = new DatabaseSync(path);
  db.exec("UPDATE mq_schema SET version = 2");
  db.close();
  refused(path, /version 2, this program knows 1/);
});

withFile("openSqliteTransport() shares a file with other tables", async ({ path, open }) => {
  const db = new DatabaseSync(path);
  db.exec("CREATE TABLE message (id INTEGER); INSERT INTO message VALUES (7)");
  const queue = open().queue("work");
  await queue.declare("work");
  await put(queue, "work", "a");
  assert.deepEqual(await drain(queue, 1), ["a"]);
  assert.equal(db.prepare("SELECT id FROM message").get()?.["id"], 7);
  db.close();
});

withFile(
  "openSqliteTransport() in six processes at once sets the file up once",
  async ({ path, open }) => {
    const env = { ASYA_TRANSPORT: "sqlite", ASYA_SQLITE_PATH: path };
    const children = Array.from({ length: 6 }, (_, i) => start({ env }, "declare", `actor${i}`));
    assert.deepEqual(await Promise.all(children.map(({ ended }) => ended)), [0, 0, 0, 0, 0, 0]);
    const queue = open().queue("actor0");
    for (let i = 0; i < 6; i++) assert.equal((await queue.depth(`actor${i}`)).ready, 0);
  },
);
