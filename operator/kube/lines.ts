/** Bytes and lines out of an answer that may take long. */

/** A line is longer than anything that a watch sends. */
export class LineTooLong extends Error {
  /** The class's name. */
  override readonly name = "LineTooLong";
  /** For programs. */
  readonly code = "line_too_long";
}

/**
 * The chunks of an answer until it ends or `signal` aborts. The stream is cancelled by hand: the
 * signal that `fetch` was given may have been forgotten when the answer takes minutes.
 */
export async function* readChunks(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  const cancel = () => {
    reader.cancel().catch(() => undefined); // broken already, which whoever reads it is told
  };
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/**
 * Reads lines until the stream ends. Bytes are kept until their line is whole, so that no character
 * is cut and no text is put together more than once.
 *
 * @throws LineTooLong; whatever the stream throws
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  longest: number,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield text(decoder, parts, chunk.subarray(start, end));
      parts = [];
      held = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    held += chunk.length - start;
    if (held > longest) throw new LineTooLong(`a line of a watch exceeds ${longest} bytes`);
  }
}

function text(decoder: TextDecoder, parts: readonly Uint8Array[], last: Uint8Array): string {
  const begun = parts.map((part) => decoder.decode(part, { stream: true })).join("");
  return begun + decoder.decode(last);
}
