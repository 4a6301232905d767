import assert from "node:assert/strict";
import { HandlerError, HandlerGone, InvalidAnswer } from "../handler.ts";
import { frame, joined, text } from "./fake_runtime.ts";
import { FrameReader } from "./reader.ts";
import { TYPE } from "./wire.ts";

/** A connection whose other end wrote `data` in pieces of `size` bytes, then closed. */
function stream(data: Uint8Array, size: number): Deno.Conn {
  let at = 0;
  const read = (into: Uint8Array) => {
    if (at === data.length) return Promise.resolve(null);
    const count = Math.min(size, into.length, data.length - at);
    into.set(data.subarray(at, at + count));
    at += count;
    return Promise.resolve(count);
  };
  return { read } as unknown as Deno.Conn;
}

const LARGE = "x".repeat(200_000);

for (const size of [1, 3, 16, 17, 4096, 65_536, 1_000_000]) {
  Deno.test(`FrameReader reads small and large frames that arrive ${size} bytes at a time`, async () => {
    const sent = joined([
      frame(TYPE.FRAME, 7, { a: "é" }, "[1]"),
      frame(TYPE.FRAME, 7, {}, LARGE),
      frame(TYPE.END, 0xffff_ffff, { frames: 2 }),
      frame(TYPE.FRAME, 8, {}, "x".repeat(65_500)),
      frame(TYPE.END, 8, {}),
    ]);
    const reader = new FrameReader(stream(sent, size), 2 ** 20);
    const got: unknown[] = [];
    for (let n = 0; n < 5; n++) {
      const { type, call, head, body } = await reader.next();
      got.push([type, call, JSON.parse(text(head)), text(body)]);
    }
    assert.deepEqual(got, [
      [TYPE.FRAME, 7, { a: "é" }, "[1]"],
      [TYPE.FRAME, 7, {}, LARGE],
      [TYPE.END, 0xffff_ffff, { frames: 2 }, ""],
      [TYPE.FRAME, 8, {}, "x".repeat(65_500)],
      [TYPE.END, 8, {}, ""],
    ]);
    await assert.rejects(reader.next(), HandlerGone);
  });
}

Deno.test("FrameReader keeps bodies when later frames arrive", async () => {
  const sent = joined([frame(TYPE.FRAME, 1, {}, "first"), frame(TYPE.FRAME, 1, {}, "other")]);
  const reader = new FrameReader(stream(sent, 30), 1000);
  const first = await reader.next();
  await reader.next();
  assert.equal(text(first.body), "first");
});

Deno.test("FrameReader says that the runtime is gone in the middle of a frame", async () => {
  const sent = frame(TYPE.FRAME, 1, {}, "body");
  for (let cut = 0; cut < sent.length; cut++) {
    const reader = new FrameReader(stream(sent.subarray(0, cut), 5), 1000);
    await assert.rejects(reader.next(), HandlerGone);
  }
});

Deno.test("FrameReader refuses flags, heads beyond the frame, and frames without a header", async () => {
  for (const [at, value] of [[5, 1], [6, 1], [7, 128], [15, 200], [3, 11]] as const) {
    const sent = frame(TYPE.FRAME, 1, {}, "body");
    sent[at] = value;
    await assert.rejects(new FrameReader(stream(sent, 99), 1000).next(), InvalidAnswer);
  }
});

Deno.test("FrameReader refuses a frame over its limit before its body arrives", async () => {
  const sent = frame(TYPE.FRAME, 1, {}, "x".repeat(100)).subarray(0, 16);
  await assert.rejects(
    new FrameReader(stream(sent, 99), 113).next(),
    (error) => error instanceof HandlerError && error.failure.code === "resource_limit",
  );
  const whole = frame(TYPE.FRAME, 1, {}, "x".repeat(100));
  assert.equal((await new FrameReader(stream(whole, 99), 114).next()).body.length, 100);
});
