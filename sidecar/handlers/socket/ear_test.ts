import assert from "node:assert/strict";
import {
  call,
  eventually,
  FakeRuntime,
  frame,
  READY_2,
  serve2,
  Sink,
  withHandler,
  within,
} from "./fake_runtime.ts";
import { message, type Peer } from "./fake_runtime.ts";
import { PREAMBLE, TYPE } from "./wire.ts";

async function sayLoading(peer: Peer, words: string): Promise<void> {
  await peer.read(PREAMBLE.length);
  await peer.next();
  await peer.write(frame(TYPE.LOADING, 0, { message: words }));
}

Deno.test("Ear tells what a runtime says before runtime-ready, and leaves no connection to it", async () => {
  await withHandler({}, async (handler, dir) => {
    const ready = handler.ready(within());
    const ended = Promise.withResolvers<void>();
    let first = true;
    const runtime = FakeRuntime.start(dir, undefined, async (peer) => {
      if (!first) return await serve2(() => Promise.resolve())(peer);
      first = false;
      await sayLoading(peer, "weights, 40 %");
      await eventually(() => handler.trouble === "loading: weights, 40 %", "to be told");
      await peer.write(frame(TYPE.LOADING, 0, { message: "weights, 90 %" }));
      await eventually(() => handler.trouble === "loading: weights, 90 %", "to be told again");
      runtime.becomeReady(READY_2);
      assert.equal((await peer.read(1)).length, 0);
      ended.resolve();
    });
    try {
      await ready;
      await ended.promise;
      assert.equal(handler.trouble, undefined);
    } finally {
      await runtime.stop();
    }
  });
});

Deno.test("Ear lets go of a version 1 runtime before it is called", async () => {
  await withHandler({}, async (handler, dir) => {
    const ready = handler.ready(within());
    const order: string[] = [];
    // One connection at a time, as version 1 serves: what is not closed would block the call.
    let turn = Promise.resolve();
    const runtime = FakeRuntime.start(dir, undefined, (peer) => {
      turn = turn.then(async () => {
        if (order.length === 0) {
          await peer.read(PREAMBLE.length);
          order.push("heard nothing");
          runtime.becomeReady("ready");
          while ((await peer.read(64)).length > 0);
          order.push("closed");
        } else if (await peer.request() !== undefined) {
          order.push("called");
          await peer.write(message('[{"payload":1,"route":{"actors":["prep"],"current":1}}]'));
        }
        peer.close();
      });
      return turn;
    });
    try {
      await ready;
      assert.equal((await handler.handle(call(), new Sink())).frames.length, 1);
      assert.deepEqual(order, ["heard nothing", "closed", "called"]);
    } finally {
      await runtime.stop();
    }
  });
});

Deno.test("Ear goes on to the next runtime when one ends while it loads", async () => {
  await withHandler({}, async (handler, dir) => {
    const ready = handler.ready(within(10_000)).catch(() => "closed");
    let lives = 0;
    const runtime = FakeRuntime.start(dir, undefined, async (peer) => {
      const words = `life ${++lives}`;
      await sayLoading(peer, words);
      await eventually(() => handler.trouble === `loading: ${words}`, words);
    });
    try {
      await eventually(() => lives >= 2 && handler.trouble === "loading: life 2", "a second life");
    } finally {
      await handler.close();
      await runtime.stop();
      await ready;
    }
  });
});
