import assert from "node:assert/strict";
import { Keys, openKeyStore } from "@asya/gateway";
import { COMMANDS } from "./main.ts";
import { run } from "./run.ts";

/** Runs `asya keys` on a store in a folder of the test's own. */
async function inFolder(
  body: (
    keys: (...argv: string[]) => Promise<{ code: number; out: string; note: string }>,
    path: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/asya.sqlite`;
  try {
    await body(async (...argv) => {
      const said = { out: "", note: "" };
      const code = await run(COMMANDS, ["keys", ...argv], {
        out: (text) => void (said.out += `${text}\n`),
        note: (text) => void (said.note += `${text}\n`),
        readInput: () => Promise.resolve(""),
        env: { ASYA_SQLITE_PATH: path },
        interrupted: new AbortController().signal,
      });
      return { code, ...said };
    }, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("keys create prints a key that the gateway takes, and keys revoke ends it", () =>
  inFolder(async (keys, path) => {
    const made = await keys(
      ...["create", "ci", "--tools", "echo, pair", "--expires", "1h"],
      ...["--rate", "10/s", "--concurrent", "5"],
    );
    assert.equal(made.code, 0, made.note);
    const text = made.out.trim();
    const store = openKeyStore({ storePath: path, databaseUrl: undefined });
    try {
      const caller = await new Keys(store, Date.now).caller(text);
      assert.deepEqual(caller.tools, new Set(["echo", "pair"]));
      assert.deepEqual([caller.rate, caller.concurrent], [{ count: 10, perMs: 1_000 }, 5]);
      const [key] = JSON.parse((await keys("ls", "--json")).out);
      assert.deepEqual([key.name, key.state, key.hash], ["ci", "good", undefined]);
      assert.ok(!(await keys("ls")).out.includes(text.split("_")[2]!));
      assert.equal((await keys("revoke", key.id)).code, 0);
      assert.equal((await keys("revoke", key.id)).code, 0, "done again");
      assert.match((await keys("ls")).out, /revoked +ci/);
      await assert.rejects(new Keys(store, Date.now).caller(text), { code: "key_revoked" });
    } finally {
      await store.close();
    }
  }));

Deno.test("keys says what is wrong, and makes no store where it only looks", () =>
  inFolder(async (keys, path) => {
    assert.match((await keys("ls")).note, /there is no store .*\nnext: set ASYA_DATABASE_URL/);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    const wrong: [string[], RegExp][] = [
      [[], /keys needs one of create, ls, revoke/],
      [["create"], /give the key one name/],
      [["create", "x"], /say which tools/],
      [["create", "x", "--tools", "a/b"], /is no tool's name/],
      [["create", "x", "--tools", ","], /expected 1 to 100 names/],
      [["create", "x", "--tools", "a", "--rate", "fast"], /--rate fast: expected requests/],
      [["create", "x", "--tools", "a", "--expires", "soon"], /--expires soon/],
      [["create", "x", "--tools", "a", "--concurrent", "0"], /--concurrent 0/],
      [["create", "x", "--tolls", "a"], /did you mean --tools\?/],
    ];
    for (const [argv, note] of wrong) {
      const said = await keys(...argv);
      assert.deepEqual([said.code, said.out], [2, ""], argv.join(" "));
      assert.match(said.note, note);
    }
    await keys("create", "x", "--tools", "*");
    assert.match(
      (await keys("revoke", "0000000000000000")).note,
      /there is no key 0000000000000000/,
    );
  }));
