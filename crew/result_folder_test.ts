import assert from "node:assert/strict";
import type { Envelope } from "@asya/envelope";
import { ResultFolder, resultName } from "./result_folder.ts";

function envelope(id: string, payload: string): Envelope {
  return {
    id,
    route: { actors: ["a"], current: 1, extra: new Map() },
    payload: new TextEncoder().encode(payload),
    extra: new Map(),
  };
}

async function withFolder(use: (results: ResultFolder) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(new ResultFolder(`${folder}/results`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("ResultFolder.keep() writes the whole envelope, its payload byte for byte", () =>
  withFolder(async (results) => {
    assert.equal(await results.keep("happy-end", envelope("e-1", '{"n":9007199254740993}')), true);
    const text = await Deno.readTextFile(results.path("happy-end", "e-1"));
    assert.ok(text.includes('"payload":{"n":9007199254740993}'));
    assert.equal(JSON.parse(text).id, "e-1");
  }));

Deno.test("ResultFolder.keep() lets the first write of an id win", () =>
  withFolder(async (results) => {
    await results.keep("happy-end", envelope("e-1", "1"));
    assert.equal(await results.keep("happy-end", envelope("e-1", "2")), false);
    assert.equal(JSON.parse(await Deno.readTextFile(results.path("happy-end", "e-1"))).payload, 1);
  }));

Deno.test("ResultFolder.keep() leaves one file when many write the same id at once", () =>
  withFolder(async (results) => {
    const writes = Array.from(
      { length: 20 },
      (_, n) => results.keep("happy-end", envelope("e", `${n}`)),
    );
    assert.equal((await Promise.all(writes)).filter((first) => first).length, 1);
    const names = await Array.fromAsync(Deno.readDir(`${results.folder}/happy-end`), (e) => e.name);
    assert.deepEqual(names, ["e.json"]);
  }));

Deno.test("ResultFolder.keep() goes on after somebody removed its folder", () =>
  withFolder(async (results) => {
    await results.keep("happy-end", envelope("e-1", "1"));
    await Deno.remove(results.folder, { recursive: true });
    await assert.rejects(results.keep("happy-end", envelope("e-2", "2")), Deno.errors.NotFound);
    assert.equal(await results.keep("happy-end", envelope("e-2", "2")), true);
  }));

Deno.test("ResultFolder.keep() says why it cannot write", async () => {
  const file = await Deno.makeTempFile();
  await assert.rejects(
    new ResultFolder(file).keep("happy-end", envelope("e", "1")),
    /directory|exists/i,
  );
  await Deno.remove(file);
});

for (const id of ["../../etc/passwd", "a/b", "..", "é".repeat(120), "\u{1F600}".repeat(60)]) {
  Deno.test(`resultName() makes a safe file name of ${JSON.stringify(id.slice(0, 20))}`, () => {
    const name = resultName(id);
    assert.ok(!name.includes("/") && !name.startsWith("."), name);
    assert.ok(new TextEncoder().encode(name).length <= 255, name);
  });
}
