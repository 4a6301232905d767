/** Reads server-sent events, for tests. */

/** One event; comments are left out. */
export interface SseEvent {
  readonly event: string;
  readonly id: number;
  // deno-lint-ignore no-explicit-any -- tests look into it
  readonly data: any;
}

function parse(block: string): SseEvent | undefined {
  const field = (name: string) =>
    block.split("\n").filter((line) => line.startsWith(`${name}: `))
      .map((line) => line.slice(name.length + 2)).join("\n");
  if (!block.includes("event: ")) return undefined;
  return { event: field("event"), id: Number(field("id")), data: JSON.parse(field("data")) };
}

/** Events in their order until the server closes the stream or the reader stops. */
export async function* readEvents(response: Response): AsyncGenerator<SseEvent> {
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const event = parse(block);
      if (event) yield event;
    }
  }
}

/** All events until the server closes the stream. */
export function allEvents(response: Response): Promise<SseEvent[]> {
  return Array.fromAsync(readEvents(response));
}
