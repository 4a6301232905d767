import assert from "node:assert/strict";
import { join } from "node:path";
import { readVersion, removeReadyFile } from "./ready_file.ts";

async function withFile(content: string | undefined, run: (dir: string) => Promise<void>) {
  const dir = await Deno.makeTempDir();
  try {
    if (content !== undefined) await Deno.writeTextFile(join(dir, "runtime-ready"), content);
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const VERSIONS: readonly (readonly [string, 1 | 2])[] = [
  ['{"protocol":2,"concurrency":4,"mode":"payload"}', 2],
  ['{"protocol":2}\n', 2],
  ["ready", 1],
  ["ready\n", 1],
  ['{"protocol":1}', 1],
  ['{"protocol":"2"}', 1],
  ["null", 1],
  ["[2]", 1],
  ['{"protocol":2', 1],
  ["x".repeat(10_000), 1],
];

for (const [content, version] of VERSIONS) {
  Deno.test(`readVersion() is ${version} for ${content.slice(0, 50)}`, () =>
    withFile(content, async (dir) => assert.equal(await readVersion(dir), version)));
}

Deno.test("readVersion() finds nothing without the file or the folder", () =>
  withFile(undefined, async (dir) => {
    assert.equal(await readVersion(dir), undefined);
    assert.equal(await readVersion(join(dir, "none")), undefined);
  }));

Deno.test("readVersion() waits for the content of a file that was just created", () =>
  withFile("", async (dir) => {
    assert.equal(await readVersion(dir), undefined);
    const old = new Date(Date.now() - 60_000);
    await Deno.utime(join(dir, "runtime-ready"), old, old);
    assert.equal(await readVersion(dir), 1);
  }));

Deno.test("removeReadyFile() removes the file and does not mind that there is none", () =>
  withFile("ready", async (dir) => {
    removeReadyFile(dir);
    assert.equal(await readVersion(dir), undefined);
    removeReadyFile(dir);
  }));
