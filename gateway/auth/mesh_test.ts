import assert from "node:assert/strict";
import { isOneOf, MeshTokenError, tokensFromFile } from "./mesh.ts";

Deno.test("tokensFromFile() follows the file, and keeps the tokens while it is being replaced", async () => {
  const path = await Deno.makeTempFile();
  try {
    let now = 0;
    let stamp = 0;
    const write = async (text: string) => {
      await Deno.writeTextFile(path, text);
      await Deno.utime(path, ++stamp, stamp);
    };
    await write("one\n");
    const tokens = tokensFromFile(path, () => now);
    assert.deepEqual(tokens(), ["one"]);
    await write("two\none\n");
    assert.deepEqual(tokens(), ["one"], "looked at once a second");
    now += 1_000;
    assert.deepEqual(tokens(), ["two", "one"], "both are in force while they are exchanged");
    await write("");
    now += 1_000;
    assert.deepEqual(tokens(), ["two", "one"]);
    await write("two");
    now += 1_000;
    assert.deepEqual(tokens(), ["two"]);
    await Deno.remove(path);
    now += 1_000;
    assert.deepEqual(tokens(), ["two"]);
    await Deno.writeTextFile(path, "");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("tokensFromFile() refuses a file that is empty, not there, or has very many", async () => {
  assert.throws(() => tokensFromFile("/nowhere/token"), MeshTokenError);
  const path = await Deno.makeTempFile();
  try {
    assert.throws(() => tokensFromFile(path), /empty/);
    await Deno.writeTextFile(path, "t ".repeat(11));
    assert.throws(() => tokensFromFile(path), /more than 10/);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("isOneOf() takes each of the tokens, and nothing else", () => {
  const tokens = ["new", "old"];
  for (const good of tokens) assert.equal(isOneOf(good, tokens), true);
  for (const bad of ["", "ne", "new ", "NEW", "newold"]) assert.equal(isOneOf(bad, tokens), false);
  assert.equal(isOneOf("", []), false);
});
