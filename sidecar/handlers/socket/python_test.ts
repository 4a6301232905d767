/** The real Python runtime behind the real handler: processes, sockets and signals. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { HandlerError, HandlerGone, HandlerTimeout } from "../handler.ts";
import { call, eventually, Sink, text, withHandler, within } from "./fake_runtime.ts";

const RUNTIME = new URL("../../../runtime/python/asya_runtime.py", import.meta.url).pathname;

const HANDLERS = `
import asyncio, threading, time

gate = threading.Barrier(4)

def echo(payload):
    return payload

def act(payload):
    do = payload["do"]
    if do == "fail":
        raise ValueError("boom")
    if do == "fan":
        return [1, "two", {"three": 3}]
    if do == "none":
        return None
    if do == "meet":
        return gate.wait(10) >= 0
    if do == "sleep":
        time.sleep(payload["seconds"])
    return do

async def wait(payload):
    await asyncio.sleep(payload)
    return "waited"
`;

/** A Python process that serves one of the functions above in a folder. */
class PythonRuntime {
  private constructor(private readonly process: Deno.ChildProcess) {}

  static async start(dir: string, handler: string, env: Record<string, string> = {}) {
    await Deno.writeTextFile(join(dir, "handlers.py"), HANDLERS);
    const process = new Deno.Command("python3", {
      args: [RUNTIME],
      cwd: dir,
      env: {
        ASYA_HANDLER: `handlers.${handler}`,
        ASYA_SOCKET_DIR: dir,
        ASYA_LOG_LEVEL: "CRITICAL",
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONPATH: dir,
        ...env,
      },
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new PythonRuntime(process);
  }

  /** Its exit code, once it has one. */
  async code(): Promise<number> {
    return (await this.process.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.process.status;
  }
}

Deno.test("asya_runtime.py answers calls: one frame, several, none, an error", async () => {
  await withHandler({}, async (handler, dir) => {
    await using _ = await PythonRuntime.start(dir, "act");
    await handler.ready(within(20_000));
    assert.equal(handler.concurrency, 1);
    const ask = async (payload: string) => {
      const { frames } = await handler.handle(call(payload), new Sink());
      return frames.map((frame) => text(frame.payload));
    };
    assert.deepEqual(await ask('{"do":"x"}'), ['"x"']);
    assert.deepEqual(await ask('{"do":"fan"}'), ["1", '"two"', '{"three":3}']);
    assert.deepEqual(await ask('{"do":"none"}'), []);
    await assert.rejects(ask('{"do":"fail"}'), (e) => {
      assert.ok(e instanceof HandlerError);
      const { code, message, type, traceback } = e.failure;
      assert.deepEqual([code, message, type], ["processing_error", "boom", "ValueError"]);
      assert.match(traceback!, /handlers\.py/);
      return true;
    });
  });
});

Deno.test("asya_runtime.py gives an untouched payload back byte for byte, 3 MB too", async () => {
  await withHandler({ maxFrameBytes: 2 ** 22 }, async (handler, dir) => {
    await using _ = await PythonRuntime.start(dir, "echo");
    await handler.ready(within(20_000));
    const exact = '{"n": 9007199254740993, "z": -0, "h": 1e400, "s": "\\ud800", "a":1,"a":2}';
    for (const payload of [exact, JSON.stringify("é".repeat(1_500_000))]) {
      const { frames } = await handler.handle(call(payload), new Sink());
      assert.equal(text(frames[0]!.payload), payload);
    }
  });
});

Deno.test("asya_runtime.py runs as many calls at once as both sides allow", async () => {
  await withHandler({}, async (handler, dir) => {
    await using _ = await PythonRuntime.start(dir, "act", { ASYA_CONCURRENCY: "4" });
    await handler.ready(within(20_000));
    assert.equal(handler.concurrency, 4);
    const four = Array.from({ length: 4 }, () => handler.handle(call('{"do":"meet"}'), new Sink()));
    const answers = await Promise.all(four);
    assert.deepEqual(answers.map((a) => text(a.frames[0]!.payload)), Array(4).fill("true"));
  });
});

Deno.test("asya_runtime.py serves a version 1 sidecar as well", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await using _ = await PythonRuntime.start(dir, "echo", { ASYA_CONCURRENCY: "4" });
    const ready = join(dir, "runtime-ready");
    await withHandler({ dir }, (handler) => handler.ready(within(20_000)));
    await Deno.writeTextFile(ready, "ready");
    await withHandler({ dir }, async (handler) => {
      await handler.ready(within());
      assert.equal(handler.concurrency, 1);
      const { frames } = await handler.handle(call('{"b":1}'), new Sink());
      assert.deepEqual(JSON.parse(text(frames[0]!.payload)), { b: 1 });
      assert.deepEqual(JSON.parse(frames[0]!.route!), { actors: ["prep", "post"], current: 1 });
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("kill -9 of a Python handler in the middle of a call: gone, and ready after its restart", async () => {
  await withHandler({}, async (handler, dir) => {
    for (let life = 0; life < 2; life++) {
      await using python = await PythonRuntime.start(dir, "act");
      await handler.ready(within(20_000));
      await handler.handle(call('{"do":"x"}'), new Sink());
      const sink = new Sink();
      const asleep = handler.handle(call('{"do":"sleep","seconds":60}'), sink);
      const gone = assert.rejects(asleep, HandlerGone);
      await eventually(() => sink.starts === 1, "the call begins");
      await python[Symbol.asyncDispose]();
      await gone;
      assert.notEqual(handler.trouble, undefined);
      assert.ok(Deno.statSync(join(dir, "runtime-ready")).isFile, "the stale file is still there");
      await assert.rejects(handler.ready(AbortSignal.timeout(100)));
    }
  });
});

Deno.test("kill -9 of a Python handler while it is called by version 1", async () => {
  await withHandler({}, async (handler, dir) => {
    await using python = await PythonRuntime.start(dir, "act");
    await handler.ready(within(20_000));
    await handler.close();
    await Deno.writeTextFile(join(dir, "runtime-ready"), "ready");
    await withHandler({ dir }, async (old) => {
      await old.ready(within());
      const sink = new Sink();
      const asleep = old.handle(call('{"do":"sleep","seconds":60}'), sink);
      const gone = assert.rejects(asleep, HandlerGone);
      await eventually(() => sink.starts === 1, "the call begins");
      await python[Symbol.asyncDispose]();
      await gone;
    });
  });
});

Deno.test("an async Python handler that times out is cancelled and takes the next call", async () => {
  await withHandler({ cancelGraceMs: 5000 }, async (handler, dir) => {
    await using _ = await PythonRuntime.start(dir, "wait");
    await handler.ready(within(20_000));
    const slow = handler.handle(call("60", { limitMs: 100 }), new Sink());
    await assert.rejects(slow, HandlerTimeout);
    await handler.ready(within());
    const { frames } = await handler.handle(call("0"), new Sink());
    assert.equal(text(frames[0]!.payload), '"waited"');
  });
});

Deno.test("an async Python handler that is cancelled says so and takes the next call", async () => {
  await withHandler({ cancelGraceMs: 5000 }, async (handler, dir) => {
    await using _ = await PythonRuntime.start(dir, "wait");
    await handler.ready(within(20_000));
    const stop = new AbortController();
    const sink = new Sink();
    const slow = handler.handle(call("60", { signal: stop.signal }), sink);
    await eventually(() => sink.starts === 1, "the call begins");
    stop.abort("not wanted");
    await assert.rejects(
      slow,
      (e) => e instanceof HandlerError && e.failure.code === "cancelled",
    );
    assert.equal((await handler.handle(call("0"), new Sink())).frames.length, 1);
  });
});

Deno.test("a Python handler that cannot be stopped is ended by its watchdog with 75", async () => {
  await withHandler({ cancelGraceMs: 300 }, async (handler, dir) => {
    const grace = { ASYA_CANCEL_GRACE: "300ms" };
    await using stuck = await PythonRuntime.start(dir, "act", grace);
    await handler.ready(within(20_000));
    const hanging = call('{"do":"sleep","seconds":60}', { limitMs: 100 });
    await assert.rejects(handler.handle(hanging, new Sink()), HandlerTimeout);
    const ready = handler.ready(within(20_000));
    assert.equal(await stuck.code(), 75);
    await using _ = await PythonRuntime.start(dir, "act", grace);
    await ready;
    assert.equal((await handler.handle(call('{"do":"x"}'), new Sink())).frames.length, 1);
  });
});
