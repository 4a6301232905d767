import assert from "node:assert/strict";
import fc from "fast-check";
import { fromKey, list, toKey } from "./rows.ts";

Deno.test("toKey() leaves ordinary ids as they are and hides what PostgreSQL cannot hold", () => {
  assert.equal(toKey("0f8c-ä-🧀"), "0f8c-ä-🧀");
  assert.equal(toKey("a\0b\\u0000\ud800"), "a\\u0000b\\u005cu0000\\ud800");
});

Deno.test("fromKey() undoes toKey()", () => {
  const ids = fc.string({
    unit: fc.oneof(fc.constantFrom("\0", "\\", "\ud800", "\udc00", "u"), fc.string()),
  });
  fc.assert(fc.property(ids, (id) => {
    assert.equal(fromKey(toKey(id)), id);
    assert.ok(toKey(id).isWellFormed() && !toKey(id).includes("\0"));
  }));
});

Deno.test("list() writes PostgreSQL's notation for arrays", () => {
  assert.equal(list(["a", 'b"c\\', "NULL", ""]), '{"a","b\\"c\\\\","NULL",""}');
  assert.equal(list([1, 1.5, 1e21]), "{1,1.5,1e+21}");
  assert.equal(list([]), "{}");
});
