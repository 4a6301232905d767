import assert from "node:assert/strict";
import { join } from "node:path";
import { HandlerGone } from "../handler.ts";
import {
  call,
  eventually,
  FakeRuntime,
  frame,
  joined,
  message,
  type Peer,
  READY_2,
  serve2,
  Sink,
  text,
  withHandler,
  within,
} from "./fake_runtime.ts";
import { TYPE } from "./wire.ts";

const echo2 = serve2((peer, number, { body }) =>
  peer.write(joined([
    frame(TYPE.FRAME, number, {}, text(body)),
    frame(TYPE.END, number, { frames: 1 }),
  ]))
);

async function echo1(peer: Peer): Promise<void> {
  if (await peer.request() === undefined) return;
  await peer.write(message('[{"payload":1,"route":{"actors":["prep","post"],"current":1}}]'));
}

Deno.test("socketHandler() waits for a folder, a file and a listener that come in any order", async () => {
  await withHandler({}, async (handler, dir) => {
    assert.notEqual(handler.trouble, undefined);
    const ready = handler.ready(within());
    await eventually(() => /waiting for/.test(handler.trouble!), "trouble says what is missing");
    await Deno.writeTextFile(join(dir, "runtime-ready"), "ready");
    await eventually(
      () => /nothing answers/.test(handler.trouble!),
      "trouble says what is missing",
    );
    const runtime = FakeRuntime.start(dir, undefined, echo1);
    try {
      await ready;
    } finally {
      await runtime.stop();
    }
  });
});

Deno.test("socketHandler() makes calls only when it is ready", async () => {
  await withHandler({}, async (handler) => {
    await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
  });
});

Deno.test("socketHandler() follows a runtime from version 1 to 2 and back over restarts", async () => {
  await withHandler({}, async (handler, dir) => {
    for (const version of [1, 2, 1, 2] as const) {
      const [ready, serve] = version === 1 ? ["ready", echo1] as const : [READY_2, echo2] as const;
      const runtime = FakeRuntime.start(dir, ready, serve);
      try {
        await handler.ready(within());
        assert.equal(handler.concurrency, version === 1 ? 1 : 4);
        assert.equal((await handler.handle(call("1"), new Sink())).frames.length, 1);
      } finally {
        await runtime.stop();
      }
      const sink = new Sink();
      await assert.rejects(handler.handle(call(), sink), HandlerGone);
      assert.equal(sink.starts, 0);
    }
  });
});

Deno.test("socketHandler() sees at once that an idle version 2 runtime went away and came back", async () => {
  await withHandler({}, async (handler, dir) => {
    const first = FakeRuntime.start(dir, READY_2, echo2);
    await handler.ready(within());
    await first.stop();
    await eventually(() => handler.trouble !== undefined, "trouble while it is away");
    const second = FakeRuntime.start(dir, READY_2, echo2);
    try {
      await eventually(() => handler.trouble === undefined, "no trouble when it is back");
      await handler.handle(call("1"), new Sink());
    } finally {
      await second.stop();
    }
  });
});

Deno.test("socketHandler() fails every call in flight when the runtime goes away", async () => {
  let calls = 0;
  await withHandler({}, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, READY_2, serve2(() => Promise.resolve(void calls++)));
    await handler.ready(within());
    const four = Array.from({ length: 4 }, () => handler.handle(call(), new Sink()));
    const all = Promise.all(four.map((one) => assert.rejects(one, HandlerGone)));
    await eventually(() => calls === 4, "all calls arrive");
    await runtime.stop();
    await all;
  });
});

Deno.test("close() ends calls, waits and connections, and is final", async () => {
  await withHandler({}, async (handler, dir) => {
    let calls = 0;
    const runtime = FakeRuntime.start(dir, READY_2, serve2(() => Promise.resolve(void calls++)));
    await handler.ready(within());
    const running = handler.handle(call(), new Sink());
    await eventually(() => calls === 1, "the call arrives");
    await handler.close();
    await assert.rejects(running, HandlerGone);
    await assert.rejects(handler.ready(within()), HandlerGone);
    await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
    await handler.close();
    await runtime.stop();
  });
  await withHandler({}, async (handler) => {
    const waiting = handler.ready(within());
    await handler.close();
    await assert.rejects(waiting, HandlerGone);
  });
});

Deno.test("handle() is gone, and ready() waits, when a runtime takes no further connection", async () => {
  const both = Promise.withResolvers<void>();
  let connections = 0;
  await withHandler({}, async (handler, dir) => {
    const runtime = FakeRuntime.start(dir, READY_2, async (peer) => {
      // One to call and one to control; then only nonsense.
      if (++connections > 2) return await peer.write(frame(TYPE.WELCOME, 0, { version: 3 }));
      await serve2(async (peer, number) => {
        await both.promise;
        await peer.write(frame(TYPE.END, number, { frames: 0 }));
      })(peer);
    });
    try {
      await handler.ready(within());
      const first = handler.handle(call(), new Sink());
      const sink = new Sink();
      await assert.rejects(handler.handle(call(), sink), HandlerGone);
      assert.equal(sink.starts, 0);
      await assert.rejects(handler.ready(AbortSignal.timeout(100)));
      assert.match(handler.trouble!, /version 3/);
      both.resolve();
      assert.deepEqual(await first, { frames: [] });
    } finally {
      await runtime.stop();
    }
  });
});
