import assert from "node:assert/strict";
import { type ApiKey, isKeyId, isSecretOf, newKey, parseKey } from "./api_key.ts";
import { KEY_MEMORY_MS, Keys } from "./keys.ts";
import { allows } from "./scope.ts";

const MADE = { name: "ci", tools: ["echo"], createdAt: 0 };

/** A store of these keys that counts how often it is asked. */
function storeOf(...keys: ApiKey[]) {
  const byId = new Map(keys.map((key) => [key.id, key]));
  const store = {
    asked: 0,
    set: (key: ApiKey) => byId.set(key.id, key),
    find(id: string) {
      store.asked++;
      return Promise.resolve(byId.get(id));
    },
  };
  return store;
}

Deno.test("newKey() makes a key whose store has the secret's hash alone", () => {
  const { key, text } = newKey(MADE);
  const parsed = parseKey(text)!;
  assert.equal(parsed.id, key.id);
  assert.ok(isKeyId(key.id));
  assert.match(parsed.secret, /^[0-9a-f]{64}$/);
  assert.ok(!JSON.stringify(key).includes(parsed.secret));
  assert.equal(isSecretOf(parsed.secret, key), true);
  assert.equal(isSecretOf(parsed.secret.replace(/.$/, (c) => c === "0" ? "1" : "0"), key), false);
  assert.notEqual(newKey(MADE).text, text);
});

Deno.test("parseKey() takes nothing that is cut off, longer, or of other letters", () => {
  const { text } = newKey(MADE);
  const bad = [
    text.slice(0, -1),
    `${text}0`,
    text.toUpperCase(),
    `x${text}`,
    `${text}\n`,
    "asya__",
  ];
  for (const one of bad) assert.equal(parseKey(one), undefined, one);
});

Deno.test("Keys.caller() tells whose key it is, with the key's own scope and bounds", async () => {
  const { key, text } = newKey({ ...MADE, rate: "10/s", concurrent: 2 });
  const caller = await new Keys(storeOf(key), () => 5).caller(text);
  assert.equal(caller.name, `key:${key.id}`);
  assert.deepEqual([allows(caller.tools, "echo"), allows(caller.tools, "other")], [true, false]);
  assert.deepEqual([caller.rate, caller.concurrent], [{ count: 10, perMs: 1_000 }, 2]);
});

Deno.test("Keys.caller() refuses what is unknown, wrong, revoked or expired", async () => {
  const good = newKey(MADE);
  const revoked = newKey(MADE);
  const expired = newKey({ ...MADE, expiresAt: 100 });
  const store = storeOf(good.key, { ...revoked.key, revokedAt: 50 }, expired.key);
  const keys = new Keys(store, () => 100);
  const wrong = good.text.replace(/.$/, (c) => c === "0" ? "1" : "0");
  const table: [string, string][] = [
    ["asya_x", "key_invalid"],
    [newKey(MADE).text, "key_invalid"],
    [wrong, "key_invalid"],
    [revoked.text, "key_revoked"],
    [revoked.text.replace(/.$/, (c) => c === "0" ? "1" : "0"), "key_invalid"],
    [expired.text, "key_expired"],
  ];
  for (const [text, code] of table) await assert.rejects(keys.caller(text), { code });
});

Deno.test("Keys.caller() asks the store once in a while, and then knows what was revoked", async () => {
  let now = 0;
  const { key, text } = newKey(MADE);
  const store = storeOf(key);
  const keys = new Keys(store, () => now);
  await Promise.all([keys.caller(text), keys.caller(text)]);
  assert.equal(store.asked, 1);
  store.set({ ...key, revokedAt: 1 });
  now = KEY_MEMORY_MS - 1;
  await keys.caller(text);
  now = KEY_MEMORY_MS;
  await assert.rejects(keys.caller(text), { code: "key_revoked" });
  assert.equal(store.asked, 2);
});

Deno.test("Keys.caller() does not remember guesses or a store that was away", async () => {
  const { key, text } = newKey(MADE);
  const store = storeOf();
  const keys = new Keys(store, () => 0);
  await assert.rejects(keys.caller(text), { code: "key_invalid" });
  store.set(key);
  assert.equal((await keys.caller(text)).name, `key:${key.id}`);
  let away = true;
  const other = new Keys({
    find: () => away ? Promise.reject(new Error("away")) : Promise.resolve(key),
  }, () => 0);
  await assert.rejects(other.caller(text), /away/);
  away = false;
  await other.caller(text);
});
