/**
 * Frames off a version 2 connection. Small frames share one buffer and their bodies are copied out
 * of it; a large one gets a buffer of its own, so that its body is never copied.
 */

import { HandlerGone, InvalidAnswer } from "../handler.ts";
import { messageOf, tooLarge } from "./stream.ts";
import { HEADER_BYTES, type WireFrame } from "./wire.ts";

const BUFFER_BYTES = 64 * 1024;

/** Reads frames of at most `maxFrameBytes`. */
export class FrameReader {
  readonly #shared = new Uint8Array(BUFFER_BYTES);
  #buffer = this.#shared;
  #view = new DataView(this.#buffer.buffer);
  #start = 0;
  #end = 0;

  constructor(readonly conn: Deno.Conn, readonly maxFrameBytes: number) {}

  /**
   * The next frame.
   * @throws HandlerGone at the end of the stream; whatever {@linkcode take} throws
   */
  async next(): Promise<WireFrame> {
    for (;;) {
      const frame = this.take();
      if (frame !== undefined) return frame;
      await this.fill();
    }
  }

  /**
   * The next frame if all of it has arrived.
   * @throws InvalidAnswer when the bytes are not a frame; HandlerError when it is too large
   */
  take(): WireFrame | undefined {
    const have = this.#end - this.#start;
    const length = this.#frameBytes();
    if (length === undefined || have < length) return undefined;
    const start = this.#start;
    const bodyStart = start + HEADER_BYTES + this.#view.getUint32(start + 12);
    const end = start + length;
    const frame = {
      type: this.#buffer[start + 4]!,
      call: this.#view.getUint32(start + 8),
      head: this.#buffer.subarray(start + HEADER_BYTES, bodyStart),
      body: this.#buffer === this.#shared
        ? this.#buffer.slice(bodyStart, end)
        : this.#buffer.subarray(bodyStart, end),
    };
    this.#start = end;
    if (this.#start === this.#end) this.#use(this.#shared, 0);
    return frame;
  }

  /**
   * Waits for more bytes.
   * @throws HandlerGone when there are none: the runtime or {@linkcode conn}'s owner closed it
   */
  async fill(): Promise<void> {
    this.#makeRoom();
    let count: number | null;
    try {
      count = await this.conn.read(this.#buffer.subarray(this.#end));
    } catch (cause) {
      throw new HandlerGone(`the connection to the runtime broke (${messageOf(cause)})`, { cause });
    }
    if (count === null) throw new HandlerGone("the runtime closed the connection");
    this.#end += count;
  }

  /** Bytes of the frame at the start, its header checked; `undefined` while that is incomplete. */
  #frameBytes(): number | undefined {
    if (this.#end - this.#start < HEADER_BYTES) return undefined;
    const rest = this.#view.getUint32(this.#start);
    const flags = this.#buffer[this.#start + 5]! | this.#view.getUint16(this.#start + 6);
    const headBytes = this.#view.getUint32(this.#start + 12);
    if (flags !== 0) throw new InvalidAnswer("the runtime sent a frame with unknown flags");
    if (headBytes > rest - (HEADER_BYTES - 4)) {
      throw new InvalidAnswer("the runtime sent a frame whose head is longer than the frame");
    }
    if (rest > this.maxFrameBytes) {
      throw tooLarge("a frame of the runtime", rest, this.maxFrameBytes);
    }
    return rest + 4;
  }

  #makeRoom(): void {
    const have = this.#end - this.#start;
    const need = this.#frameBytes() ?? HEADER_BYTES;
    if (this.#start + need <= this.#buffer.length) return;
    const target = need <= BUFFER_BYTES ? this.#shared : new Uint8Array(need);
    target.set(this.#buffer.subarray(this.#start, this.#end));
    this.#use(target, have);
  }

  #use(buffer: Uint8Array<ArrayBuffer>, filled: number): void {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#view = new DataView(buffer.buffer);
    }
    this.#start = 0;
    this.#end = filled;
  }
}
