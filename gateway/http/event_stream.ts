/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). A chunk is
 * made only when the client has taken the one before, so a slow client costs no memory; one that
 * takes nothing at all is dropped.
 */

import type { JsonText } from "@asya/envelope";

const encoder = new TextEncoder();

/** One event. Raw JSON may have line breaks between its tokens; each line gets its own `data:`. */
export function formatEvent(event: string, id: number, data: JsonText): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join("");
  return `event: ${event}\nid: ${id}\n${lines}\n`;
}

/** A line that clients ignore. */
export function formatComment(text: string): string {
  return `: ${text}\n\n`;
}

/** A body of text chunks. */
export interface EventStreamOptions {
  /** A client that takes nothing for so many milliseconds is dropped. */
  readonly stallMs: number;
  /** Called once when the stream is over, whoever ended it. */
  readonly onEnd: () => void;
}

/** Streams chunks of formatted events. */
export function eventStream(
  chunks: AsyncGenerator<string>,
  { stallMs, onEnd }: EventStreamOptions,
): Response {
  let stalled: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    clearTimeout(stalled);
    onEnd();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(stalled);
      const { value, done } = await chunks.next();
      if (over) return; // cancelled meanwhile
      if (done) {
        end();
        controller.close();
        return;
      }
      stalled = setTimeout(() => {
        controller.enqueue(encoder.encode(formatComment("too slow, reconnect with Last-Event-ID")));
        controller.close();
        end();
      }, stallMs);
      controller.enqueue(encoder.encode(value)); // last: it may find the client gone and cancel
    },
    cancel: end,
  }, { highWaterMark: 1 });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform", // a proxy that compresses would collect events
      "x-accel-buffering": "no", // and so would nginx
    },
  });
}
