/** A process's output as lines, however it is cut. */

/** A longer line is given in pieces, so that a handler which prints without end costs no memory. */
const LONGEST = 8_192;

/** Calls `each` for every line, without its newline; resolves when the stream ends. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  each: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) each(line.endsWith("\r") ? line.slice(0, -1) : line);
    for (; rest.length > LONGEST; rest = rest.slice(LONGEST)) each(rest.slice(0, LONGEST));
  }
  if (rest) each(rest);
}
