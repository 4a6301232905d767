import assert from "node:assert/strict";
import { Exchange } from "./exchange.ts";
import { bytes, Sink, text } from "./fake_runtime.ts";
import { TYPE } from "./wire.ts";

function give(exchange: Exchange, type: number, head: unknown, body = ""): void {
  exchange.accept({ type, call: 1, head: bytes(JSON.stringify(head)), body: bytes(body) });
}

Deno.test("Exchange.stop() after the answer leaves the answer whole", async () => {
  const exchange = new Exchange(1, new Sink(), 1000);
  give(exchange, TYPE.FRAME, {}, "5");
  give(exchange, TYPE.END, { frames: 1 });
  exchange.stop("cancel");
  const outcome = await exchange.outcome;
  assert.ok(typeof outcome === "object");
  assert.deepEqual(outcome.frames.map((frame) => text(frame.payload)), ["5"]);
});

Deno.test("Exchange.stop() hands nothing on any more, and ended waits for END all the same", async () => {
  const sink = new Sink();
  const exchange = new Exchange(1, sink, 1000);
  give(exchange, TYPE.PARTIAL, { seq: 0 }, "1");
  exchange.stop("limit");
  assert.equal(await exchange.outcome, "limit");
  give(exchange, TYPE.PARTIAL, { seq: 1 }, "2");
  give(exchange, TYPE.FRAME, {}, "x".repeat(2000));
  assert.equal(exchange.over, false);
  const ended = exchange.ended;
  give(exchange, TYPE.END, { frames: 1 });
  await ended;
  assert.deepEqual(sink.partials, [[0, "1"]]);
  assert.equal(sink.starts, 1);
});
