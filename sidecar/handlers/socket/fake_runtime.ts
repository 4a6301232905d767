/** A runtime for tests: a real Unix socket, and connections that do whatever a test writes down. */

import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { Envelope } from "@asya/envelope";
import { createLogger } from "@asya/telemetry";
import type { HandlerCall, HandlerSink } from "../handler.ts";
import { FrameReader } from "./reader.ts";
import { socketHandler, type SocketHandlerOptions } from "./socket.ts";
import { closeQuietly, writeAll } from "./stream.ts";
import { packFrame, PREAMBLE, TYPE, type WireFrame } from "./wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a version 2 runtime writes into `runtime-ready`. */
export const READY_2 = JSON.stringify({ protocol: 2, concurrency: 8, mode: "payload" });

/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of bytes. */
export function text(data: Uint8Array): string {
  return decoder.decode(data);
}

/** A frame's bytes; `head` is written as JSON. */
export function frame(type: number, call: number, head: unknown, body = ""): Uint8Array {
  return joined(packFrame(type, call, bytes(JSON.stringify(head)), bytes(body)));
}

/** A version 1 message: length and text. */
export function message(body: string): Uint8Array {
  const content = bytes(body);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, content.length);
  return joined([length, content]);
}

/** All of them in one. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The runtime's end of a connection. */
export class Peer {
  readonly #reader: FrameReader;

  constructor(readonly conn: Deno.Conn) {
    this.#reader = new FrameReader(conn, 2 ** 30);
  }

  async write(...parts: Uint8Array[]): Promise<void> {
    await writeAll(this.conn, parts);
  }

  /** Writes one byte at a time, as far as that is up to us. */
  async dribble(data: Uint8Array): Promise<void> {
    for (const byte of data) await this.conn.write(Uint8Array.of(byte));
  }

  /** `size` bytes; fewer where the other side ends before. */
  async read(size: number): Promise<Uint8Array> {
    const data = new Uint8Array(size);
    let have = 0;
    while (have < size) {
      const count = await this.conn.read(data.subarray(have));
      if (count === null) break;
      have += count;
    }
    return data.subarray(0, have);
  }

  /** The next version 2 frame. @throws HandlerGone at the end */
  next(): Promise<WireFrame> {
    return this.#reader.next();
  }

  /** A version 1 request; `undefined` for a probe that only connects. */
  async request(): Promise<string | undefined> {
    const length = await this.read(4);
    if (length.length < 4) return undefined;
    return text(await this.read(new DataView(length.buffer).getUint32(0)));
  }

  /** Reads the preamble and HELLO, answers WELCOME; the role that was asked for. */
  async welcome(more: Record<string, unknown> = {}): Promise<string> {
    const opening = text(await this.read(PREAMBLE.length));
    if (opening !== "ASYA/2\r\n") throw new Error(`no preamble but ${JSON.stringify(opening)}`);
    const hello = await this.next();
    const { role } = JSON.parse(text(hello.head));
    const said = {
      version: 2,
      mode: "payload",
      concurrency: 8,
      cancel: true,
      stream: true,
      pid: 1,
    };
    await this.write(frame(TYPE.WELCOME, 0, { ...said, ...more }));
    return role;
  }

  close(): void {
    closeQuietly(this.conn);
  }
}

/** A listening socket whose every connection is given to `serve`; ended by {@linkcode stop}. */
export class FakeRuntime {
  readonly #peers = new Set<Peer>();
  readonly #tasks: Promise<void>[] = [];

  private constructor(
    readonly dir: string,
    private readonly listener: Deno.Listener,
    serve: (peer: Peer) => Promise<void>,
  ) {
    this.#tasks.push(this.#accept(serve));
  }

  /** Listens, then writes `runtime-ready` unless `ready` is undefined. */
  static start(
    dir: string,
    ready: string | undefined,
    serve: (peer: Peer) => Promise<void>,
  ): FakeRuntime {
    const path = join(dir, "asya-runtime.sock");
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const runtime = new FakeRuntime(dir, Deno.listen({ transport: "unix", path }), serve);
    if (ready !== undefined) runtime.becomeReady(ready);
    return runtime;
  }

  becomeReady(ready: string): void {
    Deno.writeTextFileSync(join(this.dir, "runtime-ready"), ready);
  }

  /** As SIGKILL: every connection ends, both files stay. */
  async stop(): Promise<void> {
    this.listener.close();
    for (const peer of this.#peers) peer.close();
    await Promise.all(this.#tasks);
  }

  async #accept(serve: (peer: Peer) => Promise<void>): Promise<void> {
    for await (const conn of this.listener) {
      const peer = new Peer(conn);
      this.#peers.add(peer);
      // A connection that breaks is what most tests are about: its task just ends.
      const task = serve(peer).catch(() => undefined).finally(() => peer.close());
      this.#tasks.push(task);
    }
  }
}

/** Serves version 2: `onCall` for each CALL, `onCancel` for each CANCEL. */
export function serve2(
  onCall: (peer: Peer, call: number, frame: WireFrame) => Promise<void>,
  o: { welcome?: Record<string, unknown>; onCancel?: (call: number, reason: string) => void } = {},
): (peer: Peer) => Promise<void> {
  return async (peer) => {
    await peer.welcome(o.welcome);
    for (;;) {
      const got = await peer.next();
      if (got.type === TYPE.CALL) await onCall(peer, got.call, got);
      if (got.type === TYPE.CANCEL) o.onCancel?.(got.call, JSON.parse(text(got.head)).reason);
    }
  };
}

/** An envelope for the actor `prep`. */
export function envelope(payload = '{"a":1}', id = "e-1"): Envelope {
  const route = { actors: ["prep", "post"], current: 0, extra: new Map() };
  return { id, route, payload: bytes(payload), extra: new Map() };
}

/** A call, 10 s at most unless `more` says otherwise. */
export function call(payload?: string, more: Partial<HandlerCall> = {}): HandlerCall {
  const signal = new AbortController().signal;
  return { envelope: envelope(payload), attempt: 1, limitMs: 10_000, signal, ...more };
}

/** A sink that remembers. */
export class Sink implements HandlerSink {
  readonly partials: [number, string][] = [];
  starts = 0;
  partial(seq: number, body: Uint8Array): void {
    this.partials.push([seq, text(body)]);
  }
  started(): void {
    this.starts++;
  }
}

/** A handler in a fresh folder, both gone afterwards. */
export async function withHandler(
  more: Partial<SocketHandlerOptions>,
  run: (handler: ReturnType<typeof socketHandler>, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "asya-" });
  const log = createLogger({ level: "error" });
  const limits = { concurrency: 4, maxFrameBytes: 2 ** 20, cancelGraceMs: 200 };
  const handler = socketHandler({ dir, actor: "prep", log, ...limits, ...more });
  try {
    await run(handler, more.dir ?? dir);
  } finally {
    await handler.close();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Waits until `holds`, at most 5 s. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`did not happen within 5 s: ${what}`);
}

/** A signal that aborts after `ms`, and the means to let go of its timer. */
export function within(ms = 5_000): AbortSignal {
  return AbortSignal.timeout(ms);
}
