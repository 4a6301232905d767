/** One connection to the runtime under test: raw bytes out, frames or bytes in, all with a bound. */

import { Fault } from "./fault.ts";
import {
  concat,
  describeFrame,
  type Frame,
  hex,
  packFrame,
  PREAMBLE,
  readFrame,
  readHeader,
  TYPE,
} from "./wire.ts";
import { pause } from "./wait.ts";

/** How long a runtime may keep a peer waiting when nothing else is said. */
export const PATIENCE_MS = 8_000;
const CHUNK = 1 << 18;
/** Lines of a transcript that a report has room for. */
const TRANSCRIPT_LINES = 40;

/** What was sent to the runtime in a case, in order, shortened. */
export class Transcript {
  readonly #lines: string[] = [];

  add(line: string): void {
    if (this.#lines.length < TRANSCRIPT_LINES) this.#lines.push(line);
  }

  get text(): string {
    return this.#lines.join("\n") || "nothing";
  }
}

/** A connection. */
export class Peer implements Disposable {
  #unread: Uint8Array[] = [];
  #size = 0;
  #ended = false;

  private constructor(private readonly conn: Deno.UnixConn, private readonly sent: Transcript) {}

  /** @throws Fault when nobody listens */
  static async open(path: string, sent: Transcript): Promise<Peer> {
    try {
      return new Peer(await Deno.connect({ transport: "unix", path }), sent);
    } catch (error) {
      throw new Fault("a runtime that accepts a connection", String(error));
    }
  }

  /** Writes all of it; what the runtime no longer reads is lost in silence, as on any socket. */
  async write(bytes: Uint8Array): Promise<void> {
    this.sent.add(hex(bytes));
    await this.#write(bytes);
  }

  /** Writes in pieces of `size` bytes, each in a packet of its own as far as a stream has packets. */
  async writeInPieces(bytes: Uint8Array, size: number, pauseMs = 0): Promise<void> {
    this.sent.add(`${hex(bytes)} in pieces of ${size}`);
    for (let at = 0; at < bytes.length; at += size) {
      await this.#write(bytes.subarray(at, at + size));
      await pause(pauseMs);
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }

  /** Says that nothing more will come; reading goes on. */
  async endWriting(): Promise<void> {
    this.sent.add("(end of what is sent)");
    await this.conn.closeWrite();
  }

  /** Exactly `count` bytes. @throws Fault */
  async bytes(count: number, expected: string, ms = PATIENCE_MS): Promise<Uint8Array> {
    const end = performance.now() + ms;
    while (this.#size < count) {
      if (this.#ended) {
        const got = concat(...this.#unread);
        throw new Fault(
          expected,
          `the end of the connection after ${got.length} bytes: ${hex(got)}`,
        );
      }
      await this.#fill(end, expected);
    }
    const all = this.#unread.length === 1 ? this.#unread[0]! : concat(...this.#unread);
    this.#unread = all.length > count ? [all.subarray(count)] : [];
    this.#size = all.length - count;
    return all.subarray(0, count);
  }

  /** The next frame. @throws Fault */
  async frame(expected = "a frame", ms = PATIENCE_MS): Promise<Frame> {
    const header = await this.bytes(16, expected, ms);
    const { total } = readHeader(header);
    const rest = await this.bytes(total - 16, expected, ms);
    return readFrame(concat(header, rest));
  }

  /** The next frame, which has to be of one type. @throws Fault */
  async frameOf(type: keyof typeof TYPE, ms = PATIENCE_MS): Promise<Frame> {
    const frame = await this.frame(`${type} within ${ms} ms`, ms);
    if (frame.type !== TYPE[type]) throw new Fault(type, describeFrame(frame));
    return frame;
  }

  /** All bytes up to the end of the connection. @throws Fault when it does not end */
  async rest(expected: string, ms = PATIENCE_MS): Promise<Uint8Array> {
    const end = performance.now() + ms;
    while (!this.#ended) await this.#fill(end, expected);
    return concat(...this.#unread.splice(0));
  }

  /** Waits for the next thing: whether it is the end. @throws Fault when nothing comes */
  async ends(ms = PATIENCE_MS): Promise<boolean> {
    const end = performance.now() + ms;
    while (this.#size === 0 && !this.#ended) await this.#fill(end, "an answer, or the end");
    return this.#size === 0;
  }

  async #fill(end: number, expected: string): Promise<void> {
    const buffer = new Uint8Array(CHUNK);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this[Symbol.dispose]();
    }, Math.max(0, end - performance.now()));
    try {
      const count = await this.conn.read(buffer);
      if (count === null) this.#ended = true;
      else {
        this.#unread.push(buffer.subarray(0, count));
        this.#size += count;
      }
    } catch (error) {
      if (late) {
        throw new Fault(expected, `silence after ${this.#size} bytes`);
      }
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      this.#ended = true;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes it; more than once does no harm. */
  [Symbol.dispose](): void {
    try {
      this.conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

/** The first bytes of a version 2 connection. */
export function opening(role: string, maxFrame = 1 << 28): Uint8Array {
  const hello = { max_frame: maxFrame, actor: "conformance", role };
  return concat(PREAMBLE, packFrame(TYPE.HELLO, 0, hello));
}
