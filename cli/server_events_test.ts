import assert from "node:assert/strict";
import { type ServerEvent, serverEvents } from "./server_events.ts";

Deno.test("serverEvents() reads events however the stream is cut", async () => {
  const text = ': keepalive\n\nid: 1\nevent: update\ndata: {"a":"ä"}\n\n' +
    "event: partial\r\ndata: 1\r\ndata: 2\r\n\r\ndata: last\n\nevent: none\n\n";
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 7, bytes.length]) {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) {
          controller.enqueue(bytes.slice(at, at + size));
        }
        controller.close();
      },
    });
    const events: ServerEvent[] = [];
    for await (const event of serverEvents(body)) events.push(event);
    assert.deepEqual(events, [
      { name: "update", data: '{"a":"ä"}' },
      { name: "partial", data: "1\n2" },
      { name: "message", data: "last" },
    ]);
  }
});
