import assert from "node:assert/strict";
import { join } from "node:path";
import { HandlerError, HandlerGone, HandlerTimeout, InvalidAnswer } from "../handler.ts";
import {
  call,
  eventually,
  FakeRuntime,
  joined,
  message,
  type Peer,
  Sink,
  text,
  withHandler,
  within,
} from "./fake_runtime.ts";

const ROUTE = '"route":{"actors":["prep","post"],"current":1}';
const ECHO = message(`[{"payload":{"n":9007199254740993},${ROUTE}}]`);

/** Runs calls against a runtime that answers each request with `answer`. */
async function withAnswer(
  answer: (peer: Peer, request: string) => Promise<void>,
  run: (handler: Parameters<Parameters<typeof withHandler>[1]>[0], dir: string) => Promise<void>,
  more: Parameters<typeof withHandler>[0] = {},
): Promise<void> {
  await withHandler(more, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, "ready", async (peer) => {
      const request = await peer.request();
      if (request !== undefined) await answer(peer, request);
    });
    try {
      await handler.ready(within());
      await run(handler, dir);
    } finally {
      await runtime.stop();
    }
  });
}

Deno.test("version 1: handle() sends the whole envelope and returns the answer's frames", async () => {
  let request = "";
  await withAnswer(async (peer, got) => {
    request = got;
    await peer.write(ECHO);
  }, async (handler) => {
    const sink = new Sink();
    const { frames } = await handler.handle(call('{"a":1e400}'), sink);
    assert.equal(frames.length, 1);
    assert.equal(text(frames[0]!.payload), '{"n":9007199254740993}');
    assert.equal(frames[0]!.route, '{"actors":["prep","post"],"current":1}');
    assert.match(request, /"payload":\{"a":1e400\}/);
    assert.equal(sink.starts, 1);
    assert.equal(handler.concurrency, 1);
    assert.equal(handler.trouble, undefined);
  });
});

Deno.test("version 1: handle() reads an answer that arrives byte by byte", async () => {
  await withAnswer((peer) => peer.dribble(ECHO), async (handler) => {
    const { frames } = await handler.handle(call(), new Sink());
    assert.equal(text(frames[0]!.payload), '{"n":9007199254740993}');
  });
});

Deno.test("version 1: handle() carries payloads larger than any buffer, both ways", async () => {
  const large = JSON.stringify("é".repeat(300_000));
  let received = "";
  await withAnswer(async (peer, request) => {
    received = JSON.parse(request).payload;
    await peer.write(message(`[{"payload":${large},${ROUTE}}]`));
  }, async (handler) => {
    const { frames } = await handler.handle(call(large), new Sink());
    assert.equal(text(frames[0]!.payload), large);
    assert.equal(JSON.stringify(received), large);
  }, { maxFrameBytes: 10 ** 6 });
});

Deno.test("version 1: calls made at once are served one after another", async () => {
  let [now, most] = [0, 0];
  await withAnswer(async (peer) => {
    most = Math.max(most, ++now);
    await peer.dribble(ECHO);
    now--;
  }, async (handler) => {
    const calls = Array.from({ length: 5 }, () => handler.handle(call(), new Sink()));
    assert.equal((await Promise.all(calls)).length, 5);
    assert.equal(most, 1);
  });
});

Deno.test("version 1: an answer with an error is a HandlerError with its details", async () => {
  const error = '{"error":"processing_error","details":{"message":"boom","type":"ValueError"}}';
  await withAnswer((peer) => peer.write(message(`[${error}]`)), async (handler) => {
    await assert.rejects(handler.handle(call(), new Sink()), (e) => {
      assert.ok(e instanceof HandlerError);
      assert.equal(e.failure.code, "processing_error");
      assert.equal(e.failure.message, "boom");
      assert.equal(e.failure.type, "ValueError");
      return true;
    });
  });
});

for (const answer of ["", "hello", '{"payload":1}', "[{}]", '[{"payload":NaN,"route":{}}]']) {
  Deno.test(`version 1: ${answer || "an empty frame"} is no answer`, async () => {
    await withAnswer((peer) => peer.write(message(answer)), async (handler) => {
      await assert.rejects(handler.handle(call(), new Sink()), InvalidAnswer);
      assert.equal(handler.trouble, undefined);
    });
  });
}

Deno.test("version 1: an end actor's answer [{}] says that it went well", async () => {
  await withAnswer((peer) => peer.write(message("[{}]")), async (handler) => {
    assert.deepEqual(await handler.handle(call(), new Sink()), { frames: [] });
  }, { endActor: true });
});

Deno.test("version 1: an end actor's error is one all the same", async () => {
  const error = '[{"error":"processing_error","details":{"message":"boom"}}]';
  await withAnswer((peer) => peer.write(message(error)), async (handler) => {
    await assert.rejects(handler.handle(call(), new Sink()), HandlerError);
  }, { endActor: true });
});

Deno.test("version 1: an answer that ends too early means that the handler is gone", async () => {
  for (let cut = 0; cut < ECHO.length; cut += 13) {
    await withAnswer((peer) => peer.write(ECHO.subarray(0, cut)), async (handler) => {
      const sink = new Sink();
      await assert.rejects(handler.handle(call(), sink), HandlerGone);
      assert.equal(sink.starts, 1);
      assert.notEqual(handler.trouble, undefined);
      await handler.ready(within());
      assert.equal(handler.trouble, undefined);
    });
  }
});

Deno.test("version 1: an answer over the limit is a resource_limit, known by its length alone", async () => {
  const length = Uint8Array.of(0, 0, 4, 1);
  await withAnswer((peer) => peer.write(length), async (handler) => {
    await assert.rejects(
      handler.handle(call(), new Sink()),
      (e) => e instanceof HandlerError && e.failure.code === "resource_limit",
    );
  }, { maxFrameBytes: 1024 });
});

Deno.test("version 1: an envelope over the limit never reaches the handler", async () => {
  const unexpected = () => Promise.reject(new Error("called"));
  await withAnswer(unexpected, async (handler) => {
    const sink = new Sink();
    await assert.rejects(
      handler.handle(call(JSON.stringify("x".repeat(2000))), sink),
      (e) => e instanceof HandlerError && e.failure.code === "resource_limit",
    );
    assert.equal(sink.starts, 0);
  }, { maxFrameBytes: 1024 });
});

Deno.test("version 1: a time-out removes runtime-ready and waits for a restart", async () => {
  await withAnswer(async (peer) => void await peer.read(1), async (handler, dir) => {
    await assert.rejects(handler.handle(call("1", { limitMs: 30 }), new Sink()), (e) => {
      assert.ok(e instanceof HandlerTimeout);
      assert.equal(e.interrupted, false);
      return true;
    });
    assert.throws(() => Deno.statSync(join(dir, "runtime-ready")), Deno.errors.NotFound);
    await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
    await assert.rejects(handler.ready(AbortSignal.timeout(50)));
    await Deno.writeTextFile(join(dir, "runtime-ready"), "ready");
    await handler.ready(within());
  });
});

Deno.test("version 1: a cancelled call fails at once, and the next one waits for it to end", async () => {
  const first = Promise.withResolvers<void>();
  const order: string[] = [];
  await withAnswer(async (peer, request) => {
    order.push(JSON.parse(request).payload);
    if (order.length === 1) await first.promise;
    await peer.write(ECHO);
  }, async (handler) => {
    const stop = new AbortController();
    const one = handler.handle(call('"one"', { signal: stop.signal }), new Sink());
    await eventually(() => order.length === 1, "the first call arrives");
    stop.abort("nobody wants it");
    await assert.rejects(
      one,
      (e) =>
        e instanceof HandlerError && e.failure.code === "cancelled" &&
        /nobody wants it/.test(e.failure.message),
    );
    assert.notEqual(handler.trouble, undefined);
    const two = handler.handle(call('"two"'), new Sink());
    assert.deepEqual(order, ["one"]);
    first.resolve();
    await two;
    assert.deepEqual(order, ["one", "two"]);
    assert.equal(handler.trouble, undefined);
  });
});

Deno.test("version 1: a cancelled call that passes its limit is a time-out of the runtime", async () => {
  await withAnswer(async (peer) => void await peer.read(1), async (handler, dir) => {
    const sink = new Sink();
    const stop = new AbortController();
    const one = handler.handle(call("1", { signal: stop.signal, limitMs: 100 }), sink);
    await eventually(() => sink.starts === 1, "the call begins");
    stop.abort("x");
    await assert.rejects(one, HandlerError);
    await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
    assert.throws(() => Deno.statSync(join(dir, "runtime-ready")), Deno.errors.NotFound);
  });
});

Deno.test("version 1: ready() is not fooled by the files of a dead runtime", async () => {
  await withHandler({}, async (handler, dir) => {
    const answer = async (peer: Peer) => {
      if (await peer.request() !== undefined) await peer.write(joined([ECHO]));
    };
    const dead = FakeRuntime.start(dir, "ready", answer);
    await handler.ready(within());
    await handler.handle(call(), new Sink());
    await dead.stop();
    const sink = new Sink();
    await assert.rejects(handler.handle(call(), sink), HandlerGone);
    assert.equal(sink.starts, 0);
    await assert.rejects(handler.ready(AbortSignal.timeout(50)));
    const again = FakeRuntime.start(dir, "ready", answer);
    try {
      await handler.ready(within());
      await handler.handle(call(), new Sink());
    } finally {
      await again.stop();
    }
  });
});

Deno.test("version 1: a runtime that ends while it reads a large envelope has started it", async () => {
  await withHandler({ maxFrameBytes: 2 ** 24 }, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, "ready", async (peer) => void await peer.read(100_000));
    try {
      await handler.ready(within());
      const sink = new Sink();
      const large = call(JSON.stringify("x".repeat(8_000_000)));
      await assert.rejects(handler.handle(large, sink), HandlerGone);
      assert.equal(sink.starts, 1);
    } finally {
      await runtime.stop();
    }
  });
});
