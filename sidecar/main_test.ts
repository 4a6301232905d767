import assert from "node:assert/strict";
import { join } from "node:path";
import { buildAssemblyScript } from "@asya/plugins";
import { FakeRuntime } from "./handlers/socket/fake_runtime.ts";
import { bytes, envelope, Stage, until } from "./test_stage.ts";

const MAIN = new URL("./main.ts", import.meta.url).pathname;

function start(env: Record<string, string>, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    env: { ...env, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

const decoder = new TextDecoder();

Deno.test("main.ts works off its queue, and leaves in order on SIGTERM", async () => {
  await using stage = await Stage.open({ missing: ["prep"] });
  const runtime = FakeRuntime.start(stage.dir, "ready", async (peer) => {
    if (await peer.request() === undefined) return;
    const body = bytes('[{"payload":"done","route":{"actors":["prep","infer"],"current":1}}]');
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, body.length);
    await peer.write(length, body);
  });
  await Deno.writeTextFile(join(stage.dir, "sidecar-done"), "from an earlier life");
  const process = start({
    ASYA_ACTOR_NAME: "prep",
    ASYA_TRANSPORT: "sqlite",
    ASYA_SQLITE_PATH: join(stage.dir, "queue.db"),
    ASYA_QUEUE_AUTO_CREATE: "true",
    ASYA_SOCKET_DIR: stage.dir,
    ASYA_METRICS_ADDR: "127.0.0.1:0",
  });
  await until(
    () => stage.transport.queue("prep").depth("prep").then(() => true, () => false),
    "the queue to be declared",
  );
  await stage.send("prep", envelope(1, { route: { actors: ["prep", "infer"] } }));
  assert.equal((await stage.takeOne("infer")).json.payload, "done");
  process.kill("SIGTERM");
  const { code, stderr } = await process.output();
  await runtime.stop();
  const lines = decoder.decode(stderr).trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(code, 0, decoder.decode(stderr));
  assert.deepEqual(lines.map(({ message }) => message).filter((m) => m !== "handler is ready"), [
    "started",
    "draining",
    "drained",
  ]);
  assert.equal(await Deno.readTextFile(join(stage.dir, "sidecar-done")), "");
});

Deno.test("main.ts ends with 2 and every problem when the settings are wrong", async () => {
  const { code, stderr } = await start({ ASYA_CONCURRENCY: "many" }).output();
  assert.equal(code, 2);
  const text = decoder.decode(stderr);
  for (const name of ["ASYA_ACTOR_NAME", "ASYA_TRANSPORT", "ASYA_CONCURRENCY"]) {
    assert.ok(text.includes(name), text);
  }
});

Deno.test("main.ts refuses a module that is nowhere", async () => {
  await using stage = await Stage.open();
  const { code, stderr } = await start({
    ASYA_ACTOR_NAME: "prep",
    ASYA_TRANSPORT: "sqlite",
    ASYA_SQLITE_PATH: join(stage.dir, "queue.db"),
    ASYA_METRICS_ADDR: "127.0.0.1:0",
    ASYA_WASM_MODULE: join(stage.dir, "plugin.wasm"),
  }).output();
  assert.equal(code, 2);
  assert.match(decoder.decode(stderr), /ASYA_WASM_MODULE: .*plugin\.wasm/);
});

/** A plugin that answers with one word. */
async function moduleOf(dir: string, word: string): Promise<Uint8Array<ArrayBuffer>> {
  const source = `import { outputText } from "asya";
export function handle(): void { outputText('"${word}"'); }`;
  const file = join(dir, "handler.ts");
  await Deno.writeTextFile(file, source);
  return await buildAssemblyScript(file);
}

Deno.test("main.ts swaps a changed module in while envelopes go on, and keeps it when the next is broken", async () => {
  await using stage = await Stage.open();
  const module = join(stage.dir, "plugin.wasm");
  const put = async (bytes: Uint8Array) => {
    await Deno.writeFile(`${module}.new`, bytes);
    await Deno.rename(`${module}.new`, module);
  };
  await put(await moduleOf(stage.dir, "first"));
  const process = start({
    ASYA_ACTOR_NAME: "prep",
    ASYA_TRANSPORT: "sqlite",
    ASYA_SQLITE_PATH: join(stage.dir, "queue.db"),
    ASYA_METRICS_ADDR: "127.0.0.1:0",
    ASYA_WASM_MODULE: module,
  });
  let stderr = "";
  const reading = process.stderr.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (text) => void (stderr += text) }));
  let sent = 0;
  const next = async () => {
    const id = `e-${sent++}`;
    await stage.send("prep", envelope(1, { id, route: { actors: ["prep", "infer"] } }));
    return (await stage.takeOne("infer")).json.payload;
  };
  assert.equal(await next(), "first");
  await put(await moduleOf(stage.dir, "second"));
  await until(async () => await next() === "second", "the second version");
  await put(bytes("no module"));
  await until(async () => {
    assert.equal(await next(), "second");
    return stderr.includes("the module cannot be read anew; the one that runs stays");
  }, "the broken version to be refused");
  process.kill("SIGTERM");
  const { code } = await process.status;
  await Promise.all([reading, process.stdout.cancel()]);
  assert.equal(code, 0, stderr);
});

Deno.test("main.ts --help lists the settings", async () => {
  const { code, stdout } = await start({}, "--help").output();
  assert.equal(code, 0);
  assert.match(decoder.decode(stdout), /ASYA_RUNTIME_TIMEOUT.*5m/);
});
