import assert from "node:assert/strict";
import { readLines } from "./lines.ts";

Deno.test("readLines() gives whole lines, the last one without a newline, and long ones in pieces", async () => {
  const text = `one\r\ntwo ä\n${"x".repeat(20_000)}`;
  const bytes = new TextEncoder().encode(text);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 9) controller.enqueue(bytes.slice(at, at + 9));
      controller.close();
    },
  });
  const lines: string[] = [];
  await readLines(stream, (line) => lines.push(line));
  assert.deepEqual(lines.slice(0, 2), ["one", "two ä"]);
  assert.deepEqual(lines.slice(2).map(({ length }) => length), [8_192, 8_192, 3_616]);
});
