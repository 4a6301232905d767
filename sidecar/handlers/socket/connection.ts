/** One version 2 connection: the opening exchange, then at most one call at a time. */

import { HandlerGone, type HandlerVitals, InvalidAnswer } from "../handler.ts";
import type { Exchange } from "./exchange.ts";
import { Pulse } from "./pulse.ts";
import { FrameReader } from "./reader.ts";
import { closeQuietly, connect, messageOf, writeAll } from "./stream.ts";
import { packFrame, parseHead, PREAMBLE, TYPE, type WireFrame } from "./wire.ts";

/** A ready runtime that says nothing for this long while a connection opens does not speak version 2. */
const SILENCE_MS = 5_000;

/** What the runtime says about itself. */
export interface Welcome {
  readonly concurrency: number;
  /** Whether it takes CANCEL on a control connection. */
  readonly cancel: boolean;
}

/** How to open a connection. */
export interface ConnectionOptions {
  readonly path: string;
  readonly actor: string;
  readonly role: "call" | "control";
  readonly maxFrameBytes: number;
  /** Gives up while the runtime is still loading. */
  readonly signal: AbortSignal;
  /** Longest silence while it opens, in milliseconds; default 5,000. */
  readonly silenceMs?: number;
  /** The runtime is loading, in its own words. */
  readonly onLoading: (message: string) => void;
  /** The connection ended, and not by {@linkcode Connection.close}: why, and in which call. */
  readonly onEnd: (error: Error, call: number | undefined) => void;
}

const encoder = new TextEncoder();
const NO_BODY = new Uint8Array();
const EMPTY_HEAD = encoder.encode("{}");

/** An open connection. It reads all the time, so that the end of the runtime is seen at once. */
export class Connection {
  #exchange: Exchange | undefined;
  #pulse: Pulse | undefined;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(
    readonly welcome: Welcome,
    private readonly reader: FrameReader,
    private readonly onEnd: ConnectionOptions["onEnd"],
  ) {}

  /** @throws HandlerGone | InvalidAnswer | HandlerError when it does not come to a WELCOME */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { path, actor, role, maxFrameBytes, signal, onLoading, onEnd } = options;
    const { silenceMs = SILENCE_MS } = options;
    const conn = await connect(path);
    const stop = () => closeQuietly(conn);
    signal.addEventListener("abort", stop, { once: true });
    let timer = setTimeout(stop, silenceMs);
    try {
      signal.throwIfAborted();
      const hello = encoder.encode(JSON.stringify({ max_frame: maxFrameBytes, actor, role }));
      await writeAll(conn, [PREAMBLE, ...packFrame(TYPE.HELLO, 0, hello, NO_BODY)]);
      const reader = new FrameReader(conn, maxFrameBytes);
      for (;;) {
        const frame = await reader.next();
        if (frame.type === TYPE.WELCOME) {
          const connection = new Connection(readWelcome(frame.head), reader, onEnd);
          void connection.#read();
          return connection;
        }
        if (frame.type === TYPE.ERROR) throw refused(frame);
        if (frame.type !== TYPE.LOADING) continue;
        onLoading(`loading: ${String(parseHead(frame.head).message ?? "").slice(0, 200)}`);
        clearTimeout(timer);
        timer = setTimeout(stop, silenceMs);
      }
    } catch (error) {
      closeQuietly(conn);
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  /** Writes a call; how it goes on is told to `exchange`. */
  async call(exchange: Exchange, head: Uint8Array, body: Uint8Array): Promise<void> {
    if (this.#closed) return exchange.fail(new HandlerGone("the connection was closed"));
    this.#exchange = exchange;
    await this.#write(TYPE.CALL, exchange.call, head, body, () => {
      if (!this.#closed) exchange.started();
    });
  }

  /** Writes CANCEL for a call on another connection; that nobody hears it is seen there. */
  cancel(call: number, reason: string): void {
    const head = encoder.encode(JSON.stringify({ reason: reason.slice(0, 1000) }));
    this.#writing = this.#writing.then(() => this.#write(TYPE.CANCEL, call, head, NO_BODY));
  }

  /** Asks how the runtime is, on a connection that carries no calls. */
  vitals(): Promise<HandlerVitals> {
    this.#pulse ??= new Pulse((call) => {
      this.#writing = this.#writing.then(() => this.#write(TYPE.PING, call, EMPTY_HEAD, NO_BODY));
    });
    return this.#pulse.vitals();
  }

  /** Ends it from our side; a call on it fails with `error`. */
  close(error: Error = new HandlerGone("the connection was closed")): void {
    if (this.#closed) return;
    this.#closed = true;
    closeQuietly(this.reader.conn);
    this.#exchange?.fail(error);
  }

  /** Whether it is of no more use. */
  get closed(): boolean {
    return this.#closed;
  }

  async #write(
    type: number,
    call: number,
    head: Uint8Array,
    body: Uint8Array,
    accepted?: () => void,
  ): Promise<void> {
    if (this.#closed) return;
    try {
      await writeAll(this.reader.conn, packFrame(type, call, head, body), accepted);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #read(): Promise<void> {
    try {
      while (!this.#closed) {
        for (let frame = this.reader.take(); frame; frame = this.reader.take()) {
          this.#dispatch(frame);
        }
        await this.reader.fill();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #dispatch(frame: WireFrame): void {
    if (frame.type === TYPE.PONG) this.#pulse?.accept(frame.call, parseHead(frame.head));
    if (frame.type < TYPE.FRAME || frame.type > TYPE.ERROR) return;
    if (frame.type === TYPE.ERROR && frame.call === 0) throw refused(frame);
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.call !== frame.call) {
      throw new InvalidAnswer("the runtime answered a call that is not running here");
    }
    exchange.accept(frame);
    if (exchange.over) this.#exchange = undefined;
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    const reason = error instanceof Error ? error : new HandlerGone(messageOf(error));
    const call = this.#exchange?.call;
    this.close(reason);
    this.onEnd(reason, call);
  }
}

function refused(frame: WireFrame): HandlerGone {
  const { error, details } = parseHead(frame.head) as { error?: unknown; details?: unknown };
  const why = JSON.stringify({ error, details }).slice(0, 500);
  return new HandlerGone(`the runtime refused the connection: ${why}`);
}

function readWelcome(head: Uint8Array): Welcome {
  const { version, concurrency, cancel } = parseHead(head);
  if (version !== 2) {
    throw new HandlerGone(`the runtime speaks version ${JSON.stringify(version)}, not 2`);
  }
  if (typeof concurrency !== "number" || !Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new InvalidAnswer("the runtime's WELCOME has no concurrency of 1 or more");
  }
  return { concurrency, cancel: cancel !== false };
}
