/** Server-sent events out of a response's body. Format: https://html.spec.whatwg.org/#server-sent-events */

/** One event. */
export interface ServerEvent {
  /** `message` where the server named none. */
  readonly name: string;
  readonly data: string;
}

/** Characters of one line; a result of an envelope is one line. */
const LONGEST = 256 << 20;

async function* lines(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    pieces.push(chunk);
    length += chunk.length;
    if (length > LONGEST) throw new RangeError("a line of the event stream has no end");
    if (!chunk.includes("\n")) continue; // joined once, however many pieces a long line has
    const complete = pieces.join("").split("\n");
    const rest = complete.pop()!;
    pieces = [rest];
    length = rest.length;
    for (const line of complete) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}

/** Reads events until the stream ends. @throws RangeError for a line without end */
export async function* serverEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<ServerEvent> {
  let name = "message";
  let data: string[] = [];
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length > 0) yield { name, data: data.join("\n") };
      name = "message";
      data = [];
    }
    const [, field, value = ""] = /^([a-z]+):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }
}
