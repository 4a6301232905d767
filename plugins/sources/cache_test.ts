import { sha256 } from "../digest.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { type CacheBounds, ModuleCache } from "./cache.ts";
import { capture, moduleOf, withFolder } from "./testdata/stage.ts";

const MAX = 1_000_000;

/** A cache in a folder that is not there yet. */
function open(folder: string, bounds?: CacheBounds) {
  const { log, lines } = capture();
  return { cache: new ModuleCache(join(folder, "a", "b"), log, bounds), lines };
}

/** Puts modules of 125 bytes in, each older than the next. */
async function fill(cache: ModuleCache, folder: string, labels: readonly string[]) {
  const digests: string[] = [];
  for (const [at, label] of labels.entries()) {
    const module = moduleOf(label, 96);
    const digest = await sha256(module);
    await cache.put(digest, "wasm", module);
    const then = new Date(1_000_000 + at * 1_000);
    await Deno.utime(join(folder, "a", "b", `${digest}.wasm`), then, then);
    digests.push(digest);
  }
  return digests;
}

async function names(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(folder, "a", "b")));
  return entries.map(({ name }) => name).sort();
}

Deno.test("ModuleCache keeps content by digest, and what a reference stood for", () =>
  withFolder(async (folder) => {
    const { cache, lines } = open(folder);
    const module = moduleOf("a");
    const digest = await sha256(module);
    assert.equal(await cache.get(digest, "wasm", MAX), undefined);
    assert.equal(await cache.recall("https://h/a?b=c"), undefined);
    await cache.put(digest, "wasm", module);
    await cache.remember("https://h/a?b=c", digest);

    const { cache: other } = open(folder);
    assert.deepEqual(await other.get(digest, "wasm", MAX), module);
    assert.equal(await other.get(digest, "json", MAX), undefined);
    assert.equal(await other.get(digest, "wasm", module.length - 1), undefined);
    assert.equal(await other.recall("https://h/a?b=c"), digest);
    assert.equal(await other.recall("https://h/a"), undefined);
    assert.deepEqual((await names(folder)).filter((name) => !/^[0-9a-f]{64}\./.test(name)), []);
    assert.deepEqual(lines, []);
  }));

Deno.test("ModuleCache gives no damaged file, and replaces it", () =>
  withFolder(async (folder) => {
    const { cache, lines } = open(folder);
    const [digest = ""] = await fill(cache, folder, ["a"]);
    const path = join(folder, "a", "b", `${digest}.wasm`);
    const module = moduleOf("a", 96);
    for (const damaged of [new Uint8Array(), module.slice(1), moduleOf("b", 96)]) {
      await Deno.writeFile(path, damaged);
      assert.equal(await cache.get(digest, "wasm", MAX), undefined);
      assert.equal(lines.pop(), "warn a cached file is damaged and is fetched again");
      await cache.put(digest, "wasm", module);
      assert.deepEqual(await cache.get(digest, "wasm", MAX), module);
    }
  }));

Deno.test("ModuleCache gives no reference that is no digest", () =>
  withFolder(async (folder) => {
    const { cache } = open(folder);
    await cache.remember("a", "../../etc/passwd");
    assert.equal(await cache.recall("a"), undefined);
  }));

Deno.test("ModuleCache lets the oldest go, by number and by bytes", () =>
  withFolder(async (folder) => {
    const bounds = [{ maxFiles: 3, maxBytes: MAX }, { maxFiles: 99, maxBytes: 400 }];
    for (const [at, bound] of bounds.entries()) {
      const root = join(folder, String(at));
      const { cache } = open(root, bound);
      const [a = "", b = "", c = ""] = await fill(cache, root, ["a", "b", "c"]);
      await cache.get(a, "wasm", MAX); // used, so not the oldest any more
      const [d] = await fill(cache, root, ["d"]);
      assert.deepEqual(await names(root), [a, c, d].map((digest) => `${digest}.wasm`).sort());
      assert.equal(await cache.get(b, "wasm", MAX), undefined);
    }
  }));

Deno.test("ModuleCache keeps the newest file whatever its size, and removes only its own", () =>
  withFolder(async (folder) => {
    const { cache } = open(folder, { maxFiles: 1, maxBytes: 10 });
    const old = new Date(0);
    const part = `.${crypto.randomUUID()}.part`;
    await Deno.mkdir(join(folder, "a", "b"), { recursive: true });
    for (const name of ["notes.txt", part]) {
      await Deno.writeTextFile(join(folder, "a", "b", name), "x");
      await Deno.utime(join(folder, "a", "b", name), old, old);
    }
    const [digest] = await fill(cache, folder, ["a"]);
    assert.deepEqual(await names(folder), [`${digest}.wasm`, "notes.txt"].sort());
  }));

Deno.test("ModuleCache warns where its folder cannot be used, and goes on", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "a"), "a file");
    const { cache, lines } = open(folder);
    const digest = await sha256(moduleOf("a"));
    await cache.put(digest, "wasm", moduleOf("a"));
    assert.equal(await cache.get(digest, "wasm", MAX), undefined);
    assert.deepEqual(lines, [
      "warn a file cannot be kept in the cache",
      "warn a cached file cannot be read",
    ]);
  }));

Deno.test("ModuleCache serves many writers and readers of one folder at once", () =>
  withFolder(async (folder) => {
    const { cache, lines } = open(folder, { maxFiles: 4, maxBytes: MAX });
    const other = open(folder, { maxFiles: 4, maxBytes: MAX });
    await Promise.all(Array.from({ length: 60 }, async (_, at) => {
      const module = moduleOf(`m${at % 6}`, 5_000);
      const digest = await sha256(module);
      await (at % 2 ? cache : other.cache).put(digest, "wasm", module);
      const kept = await cache.get(digest, "wasm", MAX); // or gone again already
      assert.ok(kept === undefined || kept.length === module.length);
    }));
    assert.deepEqual([...lines, ...other.lines], []);
    assert.ok((await names(folder)).length <= 4);
  }));
