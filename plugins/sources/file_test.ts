import { sha256 } from "../digest.ts";
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { moduleSource, type ModuleSourceOptions } from "./open.ts";
import { bound, capture, gzip, moduleOf, withFolder } from "./testdata/stage.ts";

function open(path: string, options: Partial<ModuleSourceOptions> = {}) {
  return moduleSource(path, { maxBytes: 100_000, refreshMs: 5, log: capture().log, ...options });
}

Deno.test("moduleSource() reads a file by its path or URL, also compressed", () =>
  withFolder(async (folder) => {
    const module = moduleOf("a");
    const path = join(folder, "a b.wasm");
    await Deno.writeFile(path, module);
    await Deno.writeFile(`${path}.gz`, await gzip(module));
    const digest = await sha256(module);
    const url = pathToFileURL(path).href;
    for (const reference of [path, relative(Deno.cwd(), path), url, `${path}.gz`]) {
      const version = await open(reference).read(bound());
      assert.deepEqual(version.bytes, module);
      assert.equal(version.digest, digest);
    }
    assert.equal((await open(url).read(bound())).from, path);
  }));

Deno.test("moduleSource() takes the digest of a file's module in several writings", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.wasm.gz");
    await Deno.writeFile(path, await gzip(moduleOf("a")));
    const digest = await sha256(moduleOf("a"));
    for (const given of [digest, digest.toUpperCase(), `sha256:${digest}`]) {
      const source = open(path, { sha256: given });
      assert.equal(source.mutable, false);
      assert.equal((await source.read(bound())).digest, digest);
    }
    const other = "0".repeat(64);
    await assert.rejects(open(path, { sha256: other }).read(bound()), {
      code: "digest_mismatch",
      message: `${path}: its SHA-256 is ${digest}, not ${other}`,
    });
  }));

Deno.test("moduleSource() says what is wrong with a file", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.wasm");
    const rejects = (code: string, message: RegExp, reference = path) =>
      assert.rejects(open(reference).read(bound()), { name: "SourceError", code, message });
    await rejects("not_found", /a\.wasm: there is no such file/);
    await rejects("bad_reference", /not a file/, folder);
    await rejects("bad_reference", /not a file/, "/dev/zero");
    await Deno.writeFile(path, moduleOf("a", 100_000));
    await rejects("too_large", /more than the 100000 bytes/);
    await Deno.writeTextFile(path, "#!/bin/sh\n");
    await rejects("not_wasm", /not a WebAssembly module/);
  }));

Deno.test("changed() sees a ConfigMap mount whose link ..data is swapped", () =>
  withFolder(async (folder) => {
    const publish = async (version: string, module: Uint8Array) => {
      await Deno.mkdir(join(folder, version));
      await Deno.writeFile(join(folder, version, "plugin.wasm"), module);
      await Deno.symlink(version, join(folder, "..data_tmp"));
      await Deno.rename(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    await publish("..one", moduleOf("one"));
    await Deno.symlink("..data/plugin.wasm", join(folder, "plugin.wasm"));
    const source = open(join(folder, "plugin.wasm"));
    assert.deepEqual((await source.read(bound())).bytes, moduleOf("one"));

    const changed = source.changed(bound());
    await publish("..two", moduleOf("two")); // of the same size
    await Deno.remove(join(folder, "..one"), { recursive: true });
    assert.equal(await changed, true);
    assert.deepEqual((await source.read(bound())).bytes, moduleOf("two"));
  }));

Deno.test("changed() sees a change made between read() and its call", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.wasm");
    await Deno.writeFile(path, moduleOf("one"));
    const source = open(path);
    await source.read(bound());
    await Deno.writeFile(`${path}.new`, moduleOf("two"));
    await Deno.rename(`${path}.new`, path);
    assert.equal(await source.changed(bound()), true);
  }));

Deno.test("changed() wants to see a new state twice: the file may be half written", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.wasm");
    await Deno.writeFile(path, moduleOf("one"));
    const source = open(path, { refreshMs: 100 });
    await source.read(bound());
    await Deno.writeFile(path, moduleOf("two", 1));
    const before = performance.now();
    assert.equal(await source.changed(bound()), true);
    assert.ok(performance.now() - before > 190);
  }));

Deno.test("changed() reports a file that went away once, and its return", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.wasm");
    await Deno.writeFile(path, moduleOf("one"));
    const source = open(path);
    await source.read(bound());
    await Deno.remove(path);
    assert.equal(await source.changed(bound()), true);
    await assert.rejects(source.read(bound()), { code: "not_found" });
    const back = source.changed(bound());
    await Deno.writeFile(path, moduleOf("one"));
    assert.equal(await back, true);
    await source.read(bound());
  }));

Deno.test("changed() resolves false when its signal aborts, for files that are pinned too", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.wasm");
    await Deno.writeFile(path, moduleOf("one"));
    for (const pin of [undefined, await sha256(moduleOf("one"))]) {
      const source = open(path, { sha256: pin });
      await source.read(bound());
      const stop = new AbortController();
      const changed = source.changed(stop.signal);
      stop.abort();
      assert.equal(await changed, false);
      assert.equal(await source.changed(stop.signal), false);
      await assert.rejects(source.read(stop.signal), { name: "AbortError" });
    }
  }));
