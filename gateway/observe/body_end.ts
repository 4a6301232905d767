/** When an answer that takes its time is over. */

/** Whether an answer is a stream that may stay open for long. */
export function isStream(response: Response): boolean {
  return response.body !== null &&
    (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

/** The same response; `over` is called once, when its body has ended or the client has left. */
export function whenOver(response: Response, over: () => void): Response {
  const reader = response.body!.getReader();
  reader.closed.then(over, over);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return new Response(body, response);
}
