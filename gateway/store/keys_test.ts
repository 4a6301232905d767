import assert from "node:assert/strict";
import { newKey } from "../auth/api_key.ts";
import type { KeyStore } from "../auth/key_store.ts";
import { openSqliteKeys } from "./sqlite_keys.ts";
import { openPostgresKeys } from "./postgres/keys.ts";
import { testDatabase, WITHOUT } from "./postgres/testing.ts";
import { openSqliteStore } from "./sqlite.ts";
import { StoreUnavailable } from "./store.ts";

/** What both do. @param open the same keys again, as another process does */
async function behaves(open: () => KeyStore): Promise<void> {
  const [gateway, console] = [open(), open()];
  try {
    const plain = newKey({ name: "plain", tools: ["*"], createdAt: 1 }).key;
    const full = newKey({
      name: 'it\'s "full" — ключ',
      tools: ["a", "b.c"],
      createdAt: 2,
      expiresAt: 1_800_000_000_000,
      rate: "10/s",
      concurrent: 3,
    }).key;
    await Promise.all([console.add(full), gateway.add(plain)]);
    assert.deepEqual(await gateway.find(full.id), full);
    assert.deepEqual(await console.find(plain.id), plain);
    assert.equal(await gateway.find("nobody' OR 1=1"), undefined);
    assert.deepEqual(await gateway.list(10), [plain, full]);
    assert.deepEqual(await gateway.list(1), [plain]);
    assert.equal(await console.revoke(full.id, 5), true);
    assert.equal(await console.revoke(full.id, 9), true);
    assert.equal((await gateway.find(full.id))?.revokedAt, 5, "as it was");
    assert.equal(await console.revoke("nobody", 9), false);
    await assert.rejects(gateway.add(plain), "an id twice");
  } finally {
    await gateway.close();
    await console.close();
  }
}

async function inFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/asya.sqlite`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("openSqliteKeys() keeps keys beside a gateway that has the file open", () =>
  inFolder(async (path) => {
    const store = openSqliteStore(path);
    try {
      await behaves(() => openSqliteKeys(path));
    } finally {
      await store.close();
    }
  }));

Deno.test("openSqliteKeys() makes a file that is nobody else's, and says which it cannot use", () =>
  inFolder(async (path) => {
    await behaves(() => openSqliteKeys(path));
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.throws(() => openSqliteKeys(`${path}/x`), (error) => {
      assert.ok(error instanceof StoreUnavailable);
      return /asya\.sqlite\/x/.test(error.message);
    });
  }));

Deno.test({
  name: `openPostgresKeys() keeps keys, in a database that nobody has prepared too${WITHOUT.why}`,
  ignore: WITHOUT.ignore,
  async fn() {
    await using database = await testDatabase();
    await behaves(() => openPostgresKeys(database.url));
  },
});

Deno.test("openPostgresKeys() says that its database is away", async () => {
  const keys = openPostgresKeys("postgres://asya:x@127.0.0.1:1/asya");
  await assert.rejects(keys.find("a"), StoreUnavailable);
  await assert.rejects(keys.find("a"), StoreUnavailable);
  await keys.close();
});
