import assert from "node:assert/strict";
import { join } from "node:path";
import { loadPlugin } from "./host/load.ts";
import { assemble } from "./host/testdata/assemble.ts";
import { type Plugin, type PluginCall, PluginError } from "./plugin.ts";
import { ReloadingPlugin } from "./reload.ts";
import { aborted } from "./pause.ts";
import { moduleSource } from "./sources/open.ts";
import { type ModuleSource, type ModuleVersion, SourceError } from "./sources/source.ts";
import { bound, capture, withFolder } from "./sources/testdata/stage.ts";
import { OPTIONS } from "./host/testdata/with_plugin.ts";

const NOTHING: PluginCall = { input: new Uint8Array(), context: {} };

/** A source that a test moves on by hand. */
class HandSource implements ModuleSource {
  mutable = true;
  /** What `read` gives or throws. */
  next: string | Error = "v0";
  reads = 0;
  #wake = Promise.withResolvers<void>();
  #waiting = Promise.withResolvers<void>();

  read(): Promise<ModuleVersion> {
    this.reads++;
    if (this.next instanceof Error) return Promise.reject(this.next);
    const bytes = new TextEncoder().encode(this.next);
    return Promise.resolve({ bytes, digest: this.next, from: "hand" });
  }

  async changed(signal: AbortSignal): Promise<boolean> {
    this.#waiting.resolve();
    const woken = await Promise.race([this.#wake.promise.then(() => true), aborted(signal)]);
    this.#wake = Promise.withResolvers();
    return woken;
  }

  /** Offers `next`; resolves when it was dealt with. */
  async offer(next: string | Error): Promise<void> {
    this.next = next;
    await this.#waiting.promise;
    this.#waiting = Promise.withResolvers();
    this.#wake.resolve();
    await this.#waiting.promise;
  }
}

/** A plugin that holds its calls until it is told; two at once, the rest waits in it. */
class HeldPlugin implements Plugin {
  readonly concurrency = 2;
  trouble: string | undefined;
  closed = false;
  readonly #held: { resolve(output: Uint8Array): void; reject(error: Error): void }[] = [];
  readonly #idle = Promise.withResolvers<void>();

  constructor(readonly hash: string) {}

  ready(): Promise<void> {
    return Promise.resolve();
  }

  call(): Promise<Uint8Array> {
    if (this.closed) return Promise.reject(new PluginError("closed", "the plugin is closed"));
    return new Promise((resolve, reject) => this.#held.push({ resolve, reject }));
  }

  /** Ends the oldest call. */
  finish(): void {
    this.#held.shift()?.resolve(new TextEncoder().encode(this.hash));
    if (this.closed && this.#held.length === 0) this.#idle.resolve();
  }

  get calls(): number {
    return this.#held.length;
  }

  /** As the interface says: those that run end, those that wait do not begin. */
  close(): Promise<void> {
    this.closed = true;
    const waiting = this.#held.splice(this.concurrency);
    for (const { reject } of waiting) reject(new PluginError("closed", "the plugin is closed"));
    if (this.#held.length === 0) this.#idle.resolve();
    return this.#idle.promise;
  }
}

/** Starts one; a version named `bad...` does not load. */
async function start(source = new HandSource()) {
  const plugins: HeldPlugin[] = [];
  const { log, lines, text } = capture();
  const load = (version: ModuleVersion) => {
    if (version.digest.startsWith("bad")) {
      return Promise.reject(new PluginError("invalid_module", `${version.digest} is no module`));
    }
    plugins.push(new HeldPlugin(version.digest));
    return Promise.resolve(plugins.at(-1)!);
  };
  const plugin = await ReloadingPlugin.start({ source, load, log });
  return { plugin, plugins, source, lines, text };
}

const text = async (output: Promise<Uint8Array>) => new TextDecoder().decode(await output);

Deno.test("ReloadingPlugin rejects where the first version cannot be read or loaded", async () => {
  const source = new HandSource();
  source.next = new SourceError("not_found", "gone");
  await assert.rejects(start(source), { code: "not_found" });
  source.next = "bad";
  await assert.rejects(start(source), { code: "invalid_module" });
});

Deno.test("ReloadingPlugin ends calls on the version they began on, then closes it", async () => {
  const { plugin, plugins, source } = await start();
  const [first, second, waiting] = [1, 2, 3].map(() => text(plugin.call(NOTHING)));
  source.next = "v1";
  const offered = source.offer("v1");
  while (plugin.hash !== "v1") await Promise.resolve();
  const later = text(plugin.call(NOTHING));
  plugins[1]!.finish();
  assert.equal(await later, "v1");
  for (const call of [first, second, waiting]) {
    assert.equal(plugins[0]!.closed, false);
    plugins[0]!.finish();
    assert.equal(await call, "v0");
  }
  await offered;
  assert.equal(plugins[0]!.closed, true);
  assert.equal(plugins[1]!.closed, false);
  await plugin.close();
  assert.equal(plugins[1]!.closed, true);
});

Deno.test("ReloadingPlugin loses no call in 50 swaps under load", async () => {
  const { plugin, plugins, source, lines } = await start();
  let done = false;
  let calls = 0;
  const used = new Set<string>();
  const callers = Array.from({ length: 8 }, async () => {
    while (!done) {
      used.add(await text(plugin.call(NOTHING)));
      calls++;
    }
  });
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  const worker = (async () => {
    while (!done || plugins.some(({ calls }) => calls > 0)) {
      for (const it of plugins) it.finish();
      await turn();
    }
  })();
  for (let version = 1; version <= 50; version++) await source.offer(`v${version}`);
  done = true;
  await Promise.all([...callers, worker]);
  assert.equal(plugins.length, 51);
  assert.deepEqual(plugins.filter(({ closed }) => !closed).map(({ hash }) => hash), ["v50"]);
  assert.ok(calls > 50 && used.size > 25, `${calls} calls, ${used.size} versions`);
  assert.equal(lines.filter((line) => line === "info a changed module takes over").length, 50);
  await plugin.close();
});

Deno.test("ReloadingPlugin keeps the version that works, and says once why", async () => {
  const { plugin, plugins, source, lines, text } = await start();
  const failure = () => plugin.lastFailure;
  assert.equal(failure(), undefined);
  await source.offer("bad1");
  await source.offer("bad1");
  assert.equal(plugin.hash, "v0");
  assert.equal(failure()?.digest, "bad1");
  assert.match(String(failure()?.error), /bad1 is no module/);
  const failed = "error a changed module cannot be loaded; the one before it stays";
  assert.deepEqual(lines, [failed]);
  assert.match(text(), /"digest":"bad1".*"running":"v0".*bad1 is no module.*invalid_module/);

  await source.offer("bad2");
  assert.deepEqual(lines.splice(0), [failed, failed]);
  await source.offer(new SourceError("unreachable", "away"));
  assert.equal(failure()?.digest, undefined);
  await source.offer("bad2");
  assert.equal(failure()?.digest, "bad2");
  assert.deepEqual(lines, ["error the module cannot be read anew; the one that runs stays"]);
  await source.offer("v0"); // rolled back
  assert.equal(failure(), undefined);
  await source.offer("bad2");
  await source.offer("v1");
  assert.equal(failure(), undefined);
  assert.deepEqual(plugins.map(({ hash }) => hash), ["v0", "v1"]);
  await plugin.close();
});

Deno.test("ReloadingPlugin says once that its source cannot be read, and goes on watching", async () => {
  const { plugin, source, lines } = await start();
  for (let times = 0; times < 3; times++) {
    await source.offer(new SourceError("unreachable", "away"));
  }
  const unreadable = "error the module cannot be read anew; the one that runs stays";
  assert.deepEqual(lines, [unreadable]);
  assert.deepEqual(plugin.lastFailure?.digest, undefined);
  await source.offer(new SourceError("unauthorized", "who are you"));
  assert.deepEqual(lines, [unreadable, unreadable]);
  await source.offer("v1");
  assert.equal(plugin.hash, "v1");
  assert.equal(plugin.lastFailure, undefined);
  await plugin.close();
});

Deno.test("ReloadingPlugin does not load the same bytes again", async () => {
  const { plugin, plugins, source, lines } = await start();
  for (let times = 0; times < 3; times++) await source.offer("v0");
  assert.equal(source.reads, 4);
  assert.equal(plugins.length, 1);
  assert.deepEqual(lines, []);
  await plugin.close();
});

Deno.test("ReloadingPlugin is what its current version is, and leaves a trouble with it", async () => {
  const { plugin, plugins, source } = await start();
  plugins[0]!.trouble = "it hangs";
  assert.equal(plugin.trouble, "it hangs");
  assert.equal(plugin.concurrency, 2);
  await source.offer("v1");
  assert.equal(plugin.trouble, undefined);
  await plugin.ready(bound());
  await plugin.close();
});

Deno.test("ready() waits for the version that takes over from one that never was ready", async () => {
  const { plugin, plugins, source } = await start();
  const first = plugins[0]!;
  const closed = Promise.withResolvers<void>();
  first.ready = () => closed.promise;
  const close = first.close.bind(first);
  first.close = () => (closed.reject(new PluginError("closed", "the plugin is closed")), close());
  const ready = plugin.ready(bound());
  await source.offer("v1");
  await ready;
  plugins[1]!.ready = () => Promise.reject(new PluginError("closed", "it hangs"));
  await assert.rejects(plugin.ready(bound()), { code: "closed", message: "it hangs" });
  await plugin.close();
});

Deno.test("close() refuses new calls, lets those that run end, and watches no more", async () => {
  const { plugin, plugins, source, lines } = await start();
  const running = text(plugin.call(NOTHING));
  const closing = plugin.close();
  await assert.rejects(plugin.call(NOTHING), { name: "PluginError", code: "closed" });
  assert.equal(plugin.close(), closing);
  plugins[0]!.finish();
  assert.equal(await running, "v0");
  await closing;
  assert.equal(source.reads, 1);
  assert.deepEqual(lines, []);
});

Deno.test("close() closes a version that was being loaded, too", async () => {
  const source = new HandSource();
  const loading = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const plugins: HeldPlugin[] = [];
  const load = async (version: ModuleVersion) => {
    if (plugins.length > 0) {
      loading.resolve();
      await go.promise;
    }
    plugins.push(new HeldPlugin(version.digest));
    return plugins.at(-1)!;
  };
  const plugin = await ReloadingPlugin.start({ source, load, log: capture().log });
  const offered = source.offer("v1");
  await loading.promise;
  const closing = plugin.close();
  go.resolve();
  await closing;
  await offered;
  assert.deepEqual(plugins.map(({ closed }) => closed), [true, true]);
  assert.equal(plugin.hash, "v0");
});

Deno.test("ReloadingPlugin does not watch what cannot change", async () => {
  const source = new HandSource();
  source.mutable = false;
  source.changed = () => assert.fail("watched");
  const { plugin } = await start(source);
  await plugin.close();
});

/** A module whose function `handle` outputs one letter. */
function answering(letter: string): Uint8Array<ArrayBuffer> {
  return assemble(`(module
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
    (import "extism:host/env" "output_set" (func $output (param i64 i64)))
    (func (export "handle") (result i32) (local $at i64)
      (local.set $at (call $alloc (i64.const 1)))
      (call $store (local.get $at) (i32.const ${letter.charCodeAt(0)}))
      (call $output (local.get $at) (i64.const 1))
      (i32.const 0)))`);
}

Deno.test("ReloadingPlugin swaps a real module under load when its file changes", () =>
  withFolder(async (folder) => {
    const path = join(folder, "plugin.wasm");
    const replace = async (module: Uint8Array) => {
      await Deno.writeFile(`${path}.new`, module);
      await Deno.rename(`${path}.new`, path);
    };
    await replace(answering("a"));
    const { log, lines } = capture();
    const plugin = await ReloadingPlugin.start({
      source: moduleSource(path, { maxBytes: 100_000, refreshMs: 20, log }),
      load: ({ bytes }) =>
        loadPlugin({
          module: bytes,
          functionName: "handle",
          ...OPTIONS,
          limits: {
            timeoutMs: 5_000,
            startMs: 5_000,
            memoryBytes: 2 ** 20,
            kernelBytes: 2 ** 20,
            moduleBytes: 100_000,
            outputBytes: 1_000,
          },
        }),
      log,
    });
    const end = bound();
    const until = async (done: () => boolean) => {
      const answers: string[] = [];
      while (!done()) {
        end.throwIfAborted();
        answers.push(...await Promise.all([1, 2, 3].map(() => text(plugin.call(NOTHING)))));
      }
      return answers;
    };
    const hash = plugin.hash;
    const swapped = until(() => plugin.hash !== hash);
    await replace(answering("b"));
    assert.match((await swapped).join(""), /^a+b*$/);
    assert.equal(await text(plugin.call(NOTHING)), "b");

    const refused = until(() => plugin.lastFailure !== undefined);
    await replace(answering("b").slice(0, -4));
    assert.match((await refused).join(""), /^b+$/);
    const recovered = until(() => plugin.lastFailure === undefined);
    await replace(answering("c"));
    await recovered;
    assert.equal(await text(plugin.call(NOTHING)), "c");
    await plugin.close();
    assert.deepEqual(lines.map((line) => line.split(" ")[0]), ["info", "error", "info"]);
  }));
