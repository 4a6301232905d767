import assert from "node:assert/strict";
import { join } from "node:path";
import type { Handler } from "../handler.ts";
import { HandlerError, HandlerGone, HandlerTimeout, InvalidAnswer } from "../handler.ts";
import type { SocketHandlerOptions } from "./socket.ts";
import {
  call,
  eventually,
  FakeRuntime,
  frame,
  joined,
  type Peer,
  READY_2,
  serve2,
  Sink,
  text,
  withHandler,
  within,
} from "./fake_runtime.ts";
import { TYPE, type WireFrame } from "./wire.ts";

type OnCall = (peer: Peer, call: number, frame: WireFrame) => Promise<void>;

interface Setting {
  readonly options?: Partial<SocketHandlerOptions>;
  readonly welcome?: Record<string, unknown>;
  readonly onCancel?: (call: number, reason: string) => void;
}

/** Runs calls against a version 2 runtime that does `onCall` for each. */
async function withRuntime(
  onCall: OnCall,
  run: (handler: Handler, runtime: FakeRuntime) => Promise<void>,
  { options = {}, ...serving }: Setting = {},
): Promise<void> {
  await withHandler(options, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, READY_2, serve2(onCall, serving));
    try {
      await handler.ready(within());
      await run(handler, runtime);
    } finally {
      await runtime.stop();
    }
  });
}

const echo: OnCall = (peer, number, { body }) =>
  peer.write(joined([
    frame(TYPE.FRAME, number, {}, text(body)),
    frame(TYPE.END, number, { frames: 1 }),
  ]));

function end(number: number, frames: number, more: Record<string, unknown> = {}): Uint8Array {
  return frame(TYPE.END, number, { frames, ...more });
}

const never: OnCall = () => Promise.resolve();

const isLimit = (e: unknown) => e instanceof HandlerError && e.failure.code === "resource_limit";

Deno.test("version 2: handle() sends head and payload apart and returns the frames", async () => {
  const heads: Record<string, unknown>[] = [];
  await withRuntime(async (peer, number, got) => {
    heads.push(JSON.parse(text(got.head)));
    await echo(peer, number, got);
  }, async (handler) => {
    const sink = new Sink();
    const payload = '{"n": 9007199254740993, "n": -0, "m": [1e400], "s": "\\ud800"}';
    const { frames, metrics } = await handler.handle(call(payload, { attempt: 3 }), sink);
    assert.deepEqual(frames.map((f) => text(f.payload)), [payload]);
    assert.equal(frames[0]!.route, undefined);
    assert.equal(metrics, undefined);
    assert.equal(sink.starts, 1);
    assert.equal(heads.length, 1);
    assert.equal("payload" in heads[0]!, false);
    assert.equal(heads[0]!.id, "e-1");
    assert.deepEqual(heads[0]!.asya, { attempt: 3, remaining_ms: 10_000 });
  });
});

Deno.test("version 2: concurrency is the smaller of both", async () => {
  await withRuntime(echo, (handler) => {
    assert.equal(handler.concurrency, 3);
    return Promise.resolve();
  }, { welcome: { concurrency: 3 } });
  await withRuntime(echo, (handler) => {
    assert.equal(handler.concurrency, 4);
    return Promise.resolve();
  }, { welcome: { concurrency: 100 } });
});

Deno.test("version 2: handle() reads an answer byte by byte, with routes, headers, partials, metrics", async () => {
  const metrics = [{ name: "tokens", value: 3, labels: { model: "m" } }, { name: "bad" }];
  await withRuntime(async (peer, number) => {
    await peer.dribble(joined([
      frame(TYPE.PARTIAL, number, { seq: 0 }, '"he"'),
      frame(TYPE.PARTIAL, number, { seq: 1 }, '"llo"'),
      frame(TYPE.FRAME, number, { route: { actors: ["prep"], current: 1 } }, "1"),
      frame(TYPE.FRAME, number, { headers: { a: "b" } }, "2"),
      end(number, 2, { metrics }),
    ]));
  }, async (handler) => {
    const sink = new Sink();
    const answer = await handler.handle(call(), sink);
    assert.deepEqual(answer.frames.map((f) => [text(f.payload), f.route, f.headers]), [
      ["1", '{"actors":["prep"],"current":1}', undefined],
      ["2", undefined, '{"a":"b"}'],
    ]);
    assert.deepEqual(sink.partials, [[0, '"he"'], [1, '"llo"']]);
    assert.deepEqual(answer.metrics, [{ name: "tokens", value: 3, labels: { model: "m" } }]);
  });
});

Deno.test("version 2: an END without frames is an answer without frames", async () => {
  await withRuntime((peer, number) => peer.write(end(number, 0)), async (handler) => {
    assert.deepEqual(await handler.handle(call(), new Sink()), { frames: [] });
  });
});

Deno.test("version 2: handle() carries 3 MB both ways", async () => {
  const large = JSON.stringify("x".repeat(3_000_000));
  await withRuntime(echo, async (handler) => {
    const { frames } = await handler.handle(call(large), new Sink());
    assert.equal(text(frames[0]!.payload), large);
  }, { options: { maxFrameBytes: 2 ** 22 } });
});

Deno.test("version 2: unknown frame types are ignored", async () => {
  await withRuntime(async (peer, number, got) => {
    await peer.write(frame(0x99, number, {}, "what"), frame(0x86, 0, {}));
    await echo(peer, number, got);
  }, async (handler) => {
    assert.equal((await handler.handle(call(), new Sink())).frames.length, 1);
  });
});

Deno.test("version 2: an ERROR discards the frames before it and keeps the details", async () => {
  const details = { message: "boom", type: "ValueError", traceback: "...", mro: ["Exception"] };
  await withRuntime(async (peer, number) => {
    await peer.write(
      frame(TYPE.FRAME, number, {}, "1"),
      frame(TYPE.ERROR, number, { error: "processing_error", details }),
    );
  }, async (handler) => {
    for (let turn = 0; turn < 2; turn++) {
      await assert.rejects(handler.handle(call(), new Sink()), (e) => {
        assert.ok(e instanceof HandlerError);
        assert.deepEqual([e.failure.code, e.failure.message], ["processing_error", "boom"]);
        assert.deepEqual([e.failure.type, e.failure.mro], ["ValueError", ["Exception"]]);
        return true;
      });
    }
  });
});

const INVALID: Record<string, (number: number) => Uint8Array> = {
  "an END with a wrong count": (n) => joined([frame(TYPE.FRAME, n, {}, "1"), end(n, 2)]),
  "an END without a count": (n) => frame(TYPE.END, n, {}),
  "an END that is no object": (n) => frame(TYPE.END, n, []),
  "a FRAME without payload": (n) => joined([frame(TYPE.FRAME, n, {}), end(n, 1)]),
  "a FRAME whose payload is not JSON": (n) => joined([frame(TYPE.FRAME, n, {}, "{"), end(n, 1)]),
  "a FRAME with two values": (n) => joined([frame(TYPE.FRAME, n, {}, '1,"a":2'), end(n, 1)]),
  "a FRAME whose head is no object": (n) => joined([frame(TYPE.FRAME, n, 1, "1"), end(n, 1)]),
  "a PARTIAL without a number": (n) => frame(TYPE.PARTIAL, n, {}, "1"),
  "an ERROR without a code": (n) => frame(TYPE.ERROR, n, []),
  "an answer to another call": (n) => end(n + 1, 0),
  "flags": (n) => {
    const bytes = end(n, 0);
    bytes[5] = 1;
    return bytes;
  },
};

for (const [name, answer] of Object.entries(INVALID)) {
  Deno.test(`version 2: ${name} is an invalid answer, and the next call is served`, async () => {
    let calls = 0;
    const cancels: string[] = [];
    await withRuntime((peer, number, got) => {
      return calls++ === 0 ? peer.write(answer(number)) : echo(peer, number, got);
    }, async (handler) => {
      await assert.rejects(handler.handle(call(), new Sink()), InvalidAnswer);
      assert.equal((await handler.handle(call(), new Sink())).frames.length, 1);
      await eventually(() => cancels.length === 1, "CANCEL for the call that was given up");
    }, { onCancel: (_, reason) => cancels.push(reason) });
  });
}

Deno.test("version 2: an answer over the limits is a resource_limit and cancels its call", async () => {
  const tooMuch: Record<string, (n: number) => Uint8Array> = {
    "one frame": (n) => frame(TYPE.FRAME, n, {}, "x".repeat(5000)).subarray(0, 16),
    "all frames": (n) => joined(Array(60).fill(frame(TYPE.FRAME, n, {}, '"x"'.padEnd(99)))),
  };
  for (const answer of Object.values(tooMuch)) {
    let cancelled: number | undefined;
    let asked = 0;
    await withRuntime((peer, number) => {
      asked = number;
      return peer.write(answer(number));
    }, async (handler) => {
      await assert.rejects(handler.handle(call(), new Sink()), isLimit);
      await eventually(() => cancelled === asked, "CANCEL");
      assert.equal(handler.trouble, undefined);
    }, { options: { maxFrameBytes: 4096 }, onCancel: (number) => cancelled = number });
  }
});

Deno.test("version 2: more than 10,000 frames are a resource_limit", async () => {
  await withRuntime(async (peer, number) => {
    const hundred = joined(Array(100).fill(frame(TYPE.FRAME, number, {}, "1")));
    for (let n = 0; n < 100; n++) await peer.write(hundred);
    await peer.write(frame(TYPE.FRAME, number, {}, "1"), end(number, 10_001));
  }, async (handler) => {
    await assert.rejects(handler.handle(call(), new Sink()), isLimit);
  });
});

Deno.test("version 2: an envelope over the limit never reaches the handler", async () => {
  let calls = 0;
  await withRuntime(() => Promise.resolve(void calls++), async (handler) => {
    const sink = new Sink();
    const large = call(JSON.stringify("x".repeat(5000)));
    await assert.rejects(handler.handle(large, sink), isLimit);
    assert.deepEqual([sink.starts, calls], [0, 0]);
  }, { options: { maxFrameBytes: 4096 } });
});

Deno.test("version 2: the end of the stream before END or ERROR means that the handler is gone", async () => {
  const answer = (n: number) => joined([frame(TYPE.FRAME, n, {}, "1"), end(n, 1)]);
  for (let cut = 0; cut < answer(1).length; cut += 7) {
    await withRuntime(async (peer, number) => {
      await peer.write(answer(number).subarray(0, cut));
      peer.close();
    }, async (handler) => {
      const sink = new Sink();
      await assert.rejects(handler.handle(call(), sink), HandlerGone);
      assert.equal(sink.starts, 1);
      await handler.ready(within());
    });
  }
});

Deno.test("version 2: calls run at once on connections of their own, never more than allowed", async () => {
  let [now, most] = [0, 0];
  const numbers = new Set<number>();
  const all = Promise.withResolvers<void>();
  await withRuntime(async (peer, number, got) => {
    numbers.add(number);
    most = Math.max(most, ++now);
    if (now === 4) all.resolve();
    await all.promise;
    now--;
    await echo(peer, number, got);
  }, async (handler) => {
    const calls = Array.from({ length: 20 }, (_, n) => handler.handle(call(`${n}`), new Sink()));
    const answers = await Promise.all(calls);
    assert.deepEqual(answers.map((a) => text(a.frames[0]!.payload)), answers.map((_, n) => `${n}`));
    assert.equal(most, 4);
    assert.equal(numbers.size, 20);
  });
});

Deno.test("version 2: cancel sends CANCEL with the reason and takes the connection back", async () => {
  const ending = Promise.withResolvers<void>();
  const cancels: [number, string][] = [];
  let calls = 0;
  await withRuntime(async (peer, number, got) => {
    if (++calls > 1) return echo(peer, number, got);
    await ending.promise;
    await peer.write(frame(TYPE.ERROR, number, { error: "cancelled", details: {} }));
  }, async (handler) => {
    const stop = new AbortController();
    const sink = new Sink();
    const one = handler.handle(call("1", { signal: stop.signal }), sink);
    await eventually(() => calls === 1, "the call arrives");
    stop.abort("the user pressed stop");
    await eventually(() => cancels.length > 0, "CANCEL arrives");
    assert.equal(cancels[0]![1], "the user pressed stop");
    ending.resolve();
    await assert.rejects(one, (e) => e instanceof HandlerError && e.failure.code === "cancelled");
    await handler.handle(call(), new Sink());
  }, {
    onCancel: (number, reason) => cancels.push([number, reason]),
    options: { concurrency: 1, cancelGraceMs: 4000 },
  });
});

for (
  const [name, stopped] of [
    ["cancelled", () => ({ signal: AbortSignal.timeout(30) })],
    ["over its limit", () => ({ limitMs: 30 })],
  ] as const
) {
  Deno.test(`version 2: a call that is ${name} ends although CANCEL overtook it`, async () => {
    const heard = new Map<number, number>();
    const ending = Promise.withResolvers<void>();
    await withRuntime(async (peer, number) => {
      await ending.promise;
      await peer.write(frame(TYPE.ERROR, number, { error: "cancelled", details: {} }));
    }, async (handler) => {
      try {
        await assert.rejects(handler.handle(call("1", stopped()), new Sink()));
        await handler.ready(within());
        assert.ok(heard.size === 1 && [...heard.values()][0]! > 1);
      } finally {
        ending.resolve();
      }
    }, {
      onCancel(number) {
        const times = (heard.get(number) ?? 0) + 1;
        heard.set(number, times);
        if (times > 1) ending.resolve();
      },
      options: { cancelGraceMs: 10_000 },
    });
  });
}

Deno.test("version 2: while a cancelled call does not end no other begins, until the watchdog has ended the process", async () => {
  await withHandler({ cancelGraceMs: 200 }, async (handler, dir) => {
    let calls = 0;
    const stuck = FakeRuntime.start(dir, READY_2, serve2(() => Promise.resolve(void calls++)));
    await handler.ready(within());
    const stop = new AbortController();
    const one = handler.handle(call("1", { signal: stop.signal }), new Sink());
    await eventually(() => calls === 1, "the call arrives");
    stop.abort("stop");
    await assert.rejects(one, (e) => e instanceof HandlerError && e.failure.code === "cancelled");
    const innocent = new Sink();
    await assert.rejects(handler.handle(call(), innocent), HandlerGone);
    assert.deepEqual([innocent.starts, calls], [0, 1]);
    assert.match(handler.trouble!, /cancelled/);
    const ready = handler.ready(within());
    await stuck.stop();
    const fresh = FakeRuntime.start(dir, READY_2, serve2(echo));
    try {
      await ready;
      assert.equal((await handler.handle(call(), innocent)).frames.length, 1);
    } finally {
      await fresh.stop();
    }
  });
});

Deno.test("version 2: calls go on when a cancelled call ends late", async () => {
  const ending = Promise.withResolvers<void>();
  let calls = 0;
  await withRuntime(async (peer, number, got) => {
    if (++calls === 1) await ending.promise;
    await echo(peer, number, got);
  }, async (handler) => {
    const stop = new AbortController();
    const one = handler.handle(call("1", { signal: stop.signal }), new Sink());
    await eventually(() => calls === 1, "the call arrives");
    stop.abort("stop");
    await assert.rejects(one, HandlerError);
    ending.resolve();
    await handler.ready(within());
    assert.equal((await handler.handle(call(), new Sink())).frames.length, 1);
  }, { options: { concurrency: 1, cancelGraceMs: 500 } });
});

Deno.test("version 2: without CANCEL a cancelled call may take until its limit", async () => {
  await withRuntime(
    (peer, number, got) =>
      new Promise((resolve) => setTimeout(resolve, 400)).then(() => echo(peer, number, got)),
    async (
      handler,
      { dir },
    ) => {
      const stop = new AbortController();
      const sink = new Sink();
      const one = handler.handle(call("1", { signal: stop.signal }), sink);
      await eventually(() => sink.starts === 1, "the call begins");
      stop.abort("stop");
      await assert.rejects(one, HandlerError);
      await handler.ready(within());
      assert.ok(Deno.statSync(join(dir, "runtime-ready")).isFile);
      assert.equal((await handler.handle(call(), new Sink())).frames.length, 1);
    },
    { welcome: { cancel: false }, options: { concurrency: 1, cancelGraceMs: 20 } },
  );
});

Deno.test("version 2: without a watchdog an unheeded cancel removes runtime-ready", async () => {
  await withRuntime(never, async (handler, { dir }) => {
    const stop = new AbortController();
    const sink = new Sink();
    const one = handler.handle(call("1", { signal: stop.signal }), sink);
    await eventually(() => sink.starts === 1, "the call begins");
    stop.abort("stop");
    await assert.rejects(one, HandlerError);
    await eventually(() => /runtime-ready/.test(handler.trouble ?? ""), "the session is over");
    assert.throws(() => Deno.statSync(join(dir, "runtime-ready")), Deno.errors.NotFound);
  }, { options: { cancelGraceMs: 30 } });
});

Deno.test("version 2: a call that was cancelled before it began is never made", async () => {
  let calls = 0;
  await withRuntime(() => Promise.resolve(void calls++), async (handler) => {
    const sink = new Sink();
    const early = call("1", { signal: AbortSignal.abort("early") });
    await assert.rejects(handler.handle(early, sink), HandlerError);
    assert.deepEqual([sink.starts, calls], [0, 0]);
  });
});

Deno.test("version 2: a time-out is thrown at once, and calls go on when the call has ended", async () => {
  const cancels: string[] = [];
  const ending = Promise.withResolvers<void>();
  let calls = 0;
  await withRuntime(async (peer, number, got) => {
    if (++calls > 1) return echo(peer, number, got);
    await ending.promise;
    await echo(peer, number, got);
  }, async (handler) => {
    const slow = handler.handle(call("1", { limitMs: 30 }), new Sink());
    await assert.rejects(slow, (e) => e instanceof HandlerTimeout && e.interrupted === false);
    await eventually(() => cancels.length > 0, "CANCEL arrives");
    assert.equal(cancels[0], "timeout");
    assert.match(handler.trouble!, /limit/);
    await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
    await assert.rejects(handler.ready(AbortSignal.timeout(20)));
    ending.resolve();
    await handler.ready(within());
    assert.equal(handler.trouble, undefined);
    await handler.handle(call(), new Sink());
  }, { onCancel: (_, reason) => cancels.push(reason), options: { cancelGraceMs: 4000 } });
});

Deno.test("version 2: calls beside one that timed out run to their end", async () => {
  const ending = Promise.withResolvers<void>();
  let beside = 0;
  await withRuntime(async (peer, number, got) => {
    if (text(got.body) === '"hang"') return;
    beside++;
    await ending.promise;
    await echo(peer, number, got);
  }, async (handler) => {
    const other = handler.handle(call("2"), new Sink());
    await eventually(() => beside === 1, "the call beside it arrives");
    const slow = handler.handle(call('"hang"', { limitMs: 20 }), new Sink());
    await assert.rejects(slow, HandlerTimeout);
    await assert.rejects(handler.ready(AbortSignal.timeout(150)));
    ending.resolve();
    assert.equal((await other).frames.length, 1);
  }, { options: { cancelGraceMs: 20 } });
});

Deno.test("version 2: a watchdog that ends the process after a time-out leads to a new session", async () => {
  await withHandler({ cancelGraceMs: 4000 }, async (handler, dir) => {
    const stuck = FakeRuntime.start(dir, READY_2, serve2(never));
    await handler.ready(within());
    await assert.rejects(handler.handle(call("1", { limitMs: 20 }), new Sink()), HandlerTimeout);
    const ready = handler.ready(within());
    await stuck.stop();
    const fresh = FakeRuntime.start(dir, READY_2, serve2(echo));
    try {
      await ready;
      await handler.handle(call(), new Sink());
    } finally {
      await fresh.stop();
    }
  });
});

Deno.test("version 2: without a watchdog runtime-ready is removed, so that somebody restarts it", async () => {
  await withRuntime(never, async (handler, { dir }) => {
    await assert.rejects(handler.handle(call("1", { limitMs: 20 }), new Sink()), HandlerTimeout);
    await eventually(() => {
      try {
        Deno.statSync(join(dir, "runtime-ready"));
        return false;
      } catch {
        return true;
      }
    }, "runtime-ready is removed");
    assert.match(handler.trouble!, /runtime-ready/);
  }, { options: { cancelGraceMs: 30 } });
});

Deno.test("version 2: a runtime that takes no CANCEL gets no control connection", async () => {
  const roles: string[] = [];
  await withHandler({}, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, READY_2, async (peer) => {
      roles.push(await peer.welcome({ cancel: false }));
      for (;;) {
        const got = await peer.next();
        await echo(peer, got.call, got);
      }
    });
    try {
      await handler.ready(within());
      await handler.handle(call(), new Sink());
      assert.deepEqual(roles, ["call"]);
    } finally {
      await runtime.stop();
    }
  });
});

Deno.test("version 2: LOADING is told as trouble until WELCOME", async () => {
  const loaded = Promise.withResolvers<void>();
  await withHandler({}, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, READY_2, async (peer) => {
      await peer.write(frame(TYPE.LOADING, 0, { message: "weights 40 %" }));
      await loaded.promise;
      await serve2(echo)(peer);
    });
    try {
      const ready = handler.ready(within());
      await eventually(() => handler.trouble === "loading: weights 40 %", "trouble says so");
      await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
      loaded.resolve();
      await ready;
      assert.equal(handler.trouble, undefined);
    } finally {
      await runtime.stop();
    }
  });
});

Deno.test("version 2: a runtime that refuses the connection is trouble with its words", async () => {
  await withHandler({}, async (handler, dir) => {
    const runtime = FakeRuntime.start(
      dir,
      READY_2,
      (peer) =>
        peer.write(frame(TYPE.ERROR, 0, { error: "nope", details: { message: "too many" } })),
    );
    try {
      await assert.rejects(handler.ready(AbortSignal.timeout(100)));
      assert.match(handler.trouble!, /refused.*too many/);
    } finally {
      await runtime.stop();
    }
  });
});

Deno.test("version 2: a cancel that comes with the answer changes nothing of it", async () => {
  const stop = new AbortController();
  await withRuntime(echo, async (handler) => {
    const sink = new Sink();
    const answer = handler.handle(call("5", { signal: stop.signal }), sink).then((got) => {
      stop.abort("too late");
      return got;
    });
    assert.equal(text((await answer).frames[0]!.payload), "5");
    assert.equal((await handler.handle(call(), new Sink())).frames.length, 1);
  });
});

Deno.test("version 2: a runtime that ends while it reads a large envelope has started it", async () => {
  await withHandler({ maxFrameBytes: 2 ** 24 }, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, READY_2, async (peer) => {
      await peer.welcome();
      await peer.read(100_000);
    });
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

Deno.test("version 2: a call on an idle connection that the runtime has just closed never started", async () => {
  await withHandler({}, async (handler, dir) => {
    const peers: Peer[] = [];
    const over = Promise.withResolvers<void>();
    const runtime = FakeRuntime.start(dir, READY_2, async (peer) => {
      peers.push(peer);
      await peer.welcome();
      await over.promise; // reads nothing, so that closing it takes effect at once
    });
    try {
      await handler.ready(within());
      for (const peer of peers) peer.close();
      const sink = new Sink();
      await assert.rejects(handler.handle(call(), sink), HandlerGone);
      assert.equal(sink.starts, 0);
    } finally {
      over.resolve();
      await runtime.stop();
    }
  });
});
