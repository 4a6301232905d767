/** Which handlers can be had, and what is said of the others. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { loadHandler } from "./asya_runtime.mjs";
import { type Engine, exists, HANDLERS, launch, start, testEach } from "./testing.ts";

const load = (name: string) => loadHandler(name, dirname(HANDLERS));

Deno.test("loadHandler() finds functions, methods and what a module exports by default", async () => {
  assert.equal(await (await load("./handlers.mjs"))(1, {}), 1);
  assert.equal(await (await load("handlers.mjs:echo"))(2, {}), 2);
  assert.equal(await (await load("./handlers.mjs#echo"))(3, {}), 3);
  assert.equal(await (await load(`${HANDLERS}:tools.shout`))("a", {}), "A");
  assert.equal(await (await load("handlers.echo"))(4, {}), 4);
  const parent = dirname(dirname(HANDLERS));
  assert.equal(await (await loadHandler("testdata.handlers.echo", parent))(5, {}), 5);
  assert.equal(await (await loadHandler("testdata/handlers.echo", parent))(6, {}), 6);
});

Deno.test("loadHandler() builds a class once", async () => {
  const next = await load("./handlers.mjs:Counter.next");
  assert.deepEqual([next({}, {}), next({}, {})], [1, 2]);
});

Deno.test("loadHandler() says what a handler lacks", async () => {
  for (
    const [name, words] of [
      ["./nothing.mjs:echo", /^there is no file .*nothing\.mjs$/],
      ["nothing.echo", /^there is no .*nothing\.mjs, \.js or \.ts: expected/],
      ["./handlers.mjs:ecko", /^there is no ecko in .*handlers\.mjs; it has: .*echo/],
      ["./handlers.mjs:number", /^number in .* is not a function$/],
      ["./handlers.mjs:Counter", /^Counter in .* is a class: name its method too$/],
      ["./handlers.mjs:Counter.nest", /^there is no nest in Counter in .*; it has: .*next/],
      ["./handlers.mjs:Needy.next", /^class Needy in .* needs 2 arguments to be built/],
      ["./handlers.mjs:a.b.c", /names too much/],
    ] as const
  ) {
    await assert.rejects(load(name), (error: Error) => {
      assert.match(error.message, words);
      return error.constructor.name === "LoadError";
    });
  }
});

async function refused(
  engine: Engine,
  handler: string,
  files: Record<string, string>,
  env = {},
): Promise<string> {
  await using running = await launch(engine, handler, env, files);
  assert.equal(await running.ended(), 1, running.stderr);
  assert(!await exists(join(running.folder, "runtime-ready")));
  assert(!await exists(join(running.folder, "asya-runtime.sock")));
  const last = running.stderr.trimEnd().split("\n").at(-1)!;
  const { level, message } = JSON.parse(last);
  assert.equal(level, "error");
  return message;
}

testEach("a handler that cannot be loaded ends the process, that line last", async (engine) => {
  const broken = 'import "./missing.mjs";';
  const throwing = 'throw new RangeError("no such model");';
  const typo = "export const a = (;";
  const leaving = "process.exit(0);";
  const files = { "b.mjs": broken, "t.mjs": throwing, "y.mjs": typo, "p.mjs": leaving };
  const say = (handler: string) => refused(engine, handler, files);
  assert.match(
    await say("./no.mjs:x"),
    /^cannot load ASYA_HANDLER='\.\/no\.mjs:x': there is no file/,
  );
  assert.match(await say("./b.mjs:x"), /missing\.mjs/);
  assert.match(await say("./t.mjs:x"), /: RangeError: no such model$/);
  assert.match(await say("./y.mjs:x"), /SyntaxError|Expression expected/);
  assert.match(await say("./p.mjs:x"), /: ProcessExit: process\.exit\(0\)$/);
});

testEach("bad settings are all told", async (engine) => {
  const env = { ASYA_CONCURRENCY: "none", ASYA_HANDLER_MODE: "both", ASYA_BATCH_WAIT: "soon" };
  await using running = await launch(engine, "echo", env);
  assert.equal(await running.ended(), 1);
  assert.deepEqual(running.lines().map(({ message }) => message), [
    "ASYA_HANDLER_MODE='both': expected payload or envelope",
    "ASYA_CONCURRENCY='none': expected a number above 0",
    "ASYA_BATCH_WAIT='soon': expected a duration like 10ms",
  ]);
});

testEach("a folder that is none is told", async (engine) => {
  await using running = await launch(engine, "echo", { ASYA_SOCKET_DIR: `${HANDLERS}/sub` });
  assert.equal(await running.ended(), 1);
  const { message } = running.lines().at(-1)!;
  assert.match(String(message), /^cannot listen on .*asya-runtime\.sock: .*; set ASYA_SOCKET_DIR$/);
});

testEach(
  "TypeScript runs where the engine takes it, and is refused in words elsewhere",
  async (engine) => {
    const files = { "typed.ts": "export const echo = (payload: unknown): unknown => payload;\n" };
    if (engine.name === "node" && engine.version! < 22.18) {
      const message = await refused(engine, "./typed.ts:echo", files);
      assert.match(
        message,
        /Node v\d+\S+ cannot import TypeScript .*: use Node 22\.18, 23\.6 or newer/,
      );
      return;
    }
    await using running = await start(engine, "typed.echo", {}, files);
    const peer = await running.welcomed();
    assert.equal((await peer.call(1, "[ ]")).length, 1);
  },
);

testEach("what CommonJS exports is found", async (engine) => {
  const files = {
    "old.cjs": "const all = { echo: (payload) => payload };\nmodule.exports = all;\n",
  };
  await using running = await start(engine, "./old.cjs:echo", {}, files);
  const peer = await running.welcomed();
  assert.equal((await peer.call(1, '"x"'))[0]!.body, '"x"');
});
