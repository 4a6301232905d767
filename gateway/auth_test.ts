import assert from "node:assert/strict";
import { MeshTokenError, tokenFromFile } from "./auth.ts";

Deno.test("tokenFromFile() follows the file, and keeps the token while it is being replaced", async () => {
  const path = await Deno.makeTempFile();
  try {
    let now = 0;
    await Deno.writeTextFile(path, "one\n");
    await Deno.utime(path, 1, 1);
    const token = tokenFromFile(path, () => now);
    assert.equal(token(), "one");
    await Deno.writeTextFile(path, "two\n");
    await Deno.utime(path, 2, 2);
    assert.equal(token(), "one", "looked at once a second");
    now += 1_000;
    assert.equal(token(), "two");
    await Deno.writeTextFile(path, "");
    await Deno.utime(path, 3, 3);
    now += 1_000;
    assert.equal(token(), "two");
    await Deno.writeTextFile(path, "three");
    now += 1_000;
    assert.equal(token(), "three");
    await Deno.remove(path);
    now += 1_000;
    assert.equal(token(), "three");
    await Deno.writeTextFile(path, "");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("tokenFromFile() refuses a file that is empty or not there", async () => {
  assert.throws(() => tokenFromFile("/nowhere/token"), MeshTokenError);
  const path = await Deno.makeTempFile();
  try {
    assert.throws(() => tokenFromFile(path), /empty/);
  } finally {
    await Deno.remove(path);
  }
});
