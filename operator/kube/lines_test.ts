import assert from "node:assert/strict";
import { LineTooLong, readChunks, readLines } from "./lines.ts";

async function* chunks(...texts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === "string" ? new TextEncoder().encode(text) : text;
}

Deno.test("readLines() puts lines together that come in pieces, and drops one without an end", async () => {
  const lines = await Array.fromAsync(readLines(chunks("a", "b\ncd\n\n", "e\nf"), 100));
  assert.deepEqual(lines, ["ab", "cd", "", "e"]);
});

Deno.test("readLines() keeps a character whole that was cut in two", async () => {
  const [first, second] = [Uint8Array.of(0xc3), Uint8Array.of(0xa4, 10)];
  assert.deepEqual(await Array.fromAsync(readLines(chunks(first, second), 100)), ["ä"]);
});

Deno.test("readLines() refuses a line that never ends", async () => {
  await assert.rejects(Array.fromAsync(readLines(chunks("abc", "def"), 4)), LineTooLong);
});

Deno.test("readChunks() ends with its signal while nothing comes", async () => {
  const end = new AbortController();
  let cancelled = false;
  const silent = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
  const reading = Array.fromAsync(readChunks(silent, end.signal));
  end.abort();
  assert.deepEqual(await reading, []);
  assert.ok(cancelled);
});
