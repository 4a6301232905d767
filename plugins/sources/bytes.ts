/** A module's bytes: read under a bound, decompressed, and looked at before anybody uses them. */

import { isModule, MODULE_HEADER } from "../host/binary.ts";
import { SourceError } from "./source.ts";

/**
 * What is given to the decompressor at once, in bytes. It returns all that comes of one piece in
 * one buffer, up to a thousand times as much, before anybody can count it.
 */
const PIECE_BYTES = 2_048;

/**
 * Reads a stream to its end; one with more than `maxBytes` is cancelled there.
 *
 * @param from what is read, for the error
 * @throws SourceError `too_large`; what the stream throws
 */
export async function readAll(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  from: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(from, maxBytes); // leaving the loop cancels the stream
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The error for more bytes than are allowed. */
export function tooLarge(from: string, maxBytes: number): SourceError {
  return new SourceError("too_large", `${from}: it has more than the ${maxBytes} bytes allowed`);
}

/**
 * The module in a file: the file itself, or what is compressed in it (gzip, seen by its first
 * bytes).
 *
 * @param from where the file is, for errors
 * @throws SourceError `too_large` | `not_wasm`
 */
export async function unpack(
  file: Uint8Array<ArrayBuffer>,
  maxBytes: number,
  from: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const module = file[0] === 0x1f && file[1] === 0x8b ? await gunzip(file, maxBytes, from) : file;
  checkWasm(module, from);
  return module;
}

async function gunzip(
  file: Uint8Array<ArrayBuffer>,
  maxBytes: number,
  from: string,
): Promise<Uint8Array<ArrayBuffer>> {
  let at = 0;
  const pieces = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.enqueue(file.subarray(at, at += PIECE_BYTES));
      if (at >= file.length) controller.close();
    },
  });
  try {
    return await readAll(pieces.pipeThrough(new DecompressionStream("gzip")), maxBytes, from);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    const message = `${from}: it begins like a gzip file but cannot be decompressed`;
    throw new SourceError("not_wasm", message, { cause: error });
  }
}

/**
 * Refuses what cannot be a module by its first bytes, such as the page of a login.
 *
 * @throws SourceError `not_wasm`
 */
export function checkWasm(bytes: Uint8Array, from: string): void {
  if (isModule(bytes)) return;
  const named = MODULE_HEADER.slice(0, 4).every((byte, at) => bytes[at] === byte);
  const what = named
    ? "it is a WebAssembly component or of another version; a core module is wanted"
    : "it is not a WebAssembly module";
  throw new SourceError("not_wasm", `${from}: ${what}`);
}

/**
 * Refuses bytes of another digest.
 *
 * @param what the bytes are, and where they come from
 * @throws SourceError `digest_mismatch`
 */
export function checkDigest(digest: string, wanted: string | undefined, what: string): void {
  if (wanted === undefined || digest === wanted) return;
  const message = `${what}: its SHA-256 is ${digest}, not ${wanted}`;
  throw new SourceError("digest_mismatch", message);
}
