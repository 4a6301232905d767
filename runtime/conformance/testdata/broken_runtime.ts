/**
 * A small version 2 runtime that is right, but for the fault that FAULT names: the kit has to find
 * each fault, and nothing else.
 */

import { join } from "node:path";

const { ASYA_SOCKET_DIR = "", ASYA_HANDLER = "", FAULT = "" } = Deno.env.toObject();
const READY = join(ASYA_SOCKET_DIR, "runtime-ready");
const MAGIC = "ASYA/2\r\n";
const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What ends a connection with an ERROR of call 0. */
class Refused extends Error {}

/** An error of a call. */
class Failed extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

type Handler = (payload: unknown, text: string) => string[];

const HANDLERS: Readonly<Record<string, Handler>> = {
  echo: (value, text) => [FAULT === "reprints" ? JSON.stringify(value) : text],
  noisy: (_, text) => {
    console.log("a line");
    return [text];
  },
  wrap: (value) => [JSON.stringify({ was: value })],
  nothing: () => [],
  fan: (value) => {
    const { n } = value as { n: number };
    const bodies = Array.from({ length: n }, (_, i) => JSON.stringify({ i }));
    return FAULT === "reverses" ? bodies.toReversed() : bodies;
  },
  big: (value) => [JSON.stringify("x".repeat((value as { bytes: number }).bytes))],
  fail: (value) => {
    throw new Failed("processing_error", (value as { message: string }).message);
  },
  unjson: () => {
    throw new Failed("processing_error", "no JSON");
  },
};

/** One connection's bytes, read as they are needed. */
class Reader {
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(private readonly conn: Deno.Conn) {}

  /** Exactly so many; undefined at the end. */
  async take(count: number): Promise<Uint8Array | undefined> {
    while (this.#size < count) {
      const chunk = new Uint8Array(1 << 18);
      const size = await this.conn.read(chunk).catch(() => null);
      if (size === null) return undefined;
      this.#parts.push(chunk.subarray(0, size));
      this.#size += size;
    }
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    this.#parts = [all.slice(count)];
    this.#size -= count;
    return all.slice(0, count);
  }
}

function pack(type: number, call: number, head: unknown, body = ""): Uint8Array {
  const [headBytes, bodyBytes] = [encoder.encode(JSON.stringify(head)), encoder.encode(body)];
  const frame = new Uint8Array(16 + headBytes.length + bodyBytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - 4);
  view.setUint8(4, type);
  view.setUint32(8, FAULT === "call 31" ? call & 0x7fffffff : call);
  view.setUint32(12, headBytes.length);
  frame.set(headBytes, 16);
  frame.set(bodyBytes, 16 + headBytes.length);
  return frame;
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function readFrame(reader: Reader) {
  const header = await reader.take(16);
  if (!header) return undefined;
  const view = new DataView(header.buffer);
  const [rest, headLength] = [view.getUint32(0), view.getUint32(12)];
  const marked = view.getUint8(5) !== 0 || view.getUint16(6) !== 0;
  if (marked && FAULT !== "any flags") throw new Refused("flags");
  if (rest >= 2 ** 30 || rest < 12 + headLength) throw new Refused("lengths");
  const data = await reader.take(rest - 12);
  if (!data) return undefined;
  const [head, body] = [data.subarray(0, headLength), data.subarray(headLength)];
  return { type: view.getUint8(4), call: view.getUint32(8), head, body };
}

function parse(bytes: Uint8Array): { value: unknown; text: string } {
  try {
    const text = strict.decode(bytes);
    return { value: JSON.parse(text), text };
  } catch (error) {
    throw new Failed("msg_parsing_error", String(error));
  }
}

function answer(call: number, body: Uint8Array, maxFrame: number): Uint8Array[] {
  try {
    const { value, text } = parse(body);
    const frames = HANDLERS[ASYA_HANDLER]!(value, text).map((one) => pack(0x82, call, {}, one));
    if (frames.some((frame) => frame.length > maxFrame) && FAULT !== "any size") {
      throw new Failed("resource_limit", "a frame above max_frame");
    }
    const extra = FAULT === "miscounts" && frames.length > 1 ? 1 : 0;
    return [...frames, pack(0x84, call, { frames: frames.length + extra })];
  } catch (error) {
    const code = error instanceof Failed ? error.code : "processing_error";
    const message = FAULT === "tells all" ? String(error) : String(error).slice(0, 10_000);
    const details = { message, type: "Failed", traceback: "" };
    return [pack(0x85, call, { error: code, details })];
  }
}

async function converse(conn: Deno.Conn): Promise<void> {
  const reader = new Reader(conn);
  const preamble = await reader.take(8);
  if (!preamble) return;
  if (new TextDecoder().decode(preamble) !== MAGIC) throw new Refused("the preamble");
  const first = await readFrame(reader);
  if (!first) return;
  const hello = parse(first.head).value as { role?: string; max_frame: number };
  if (first.type !== 1 || !["call", "control"].includes(hello.role ?? "")) {
    throw new Refused("HELLO");
  }
  const welcome = { version: 2, mode: "payload", concurrency: 1, cancel: false, stream: false };
  await write(conn, pack(0x81, 0, { ...welcome, pid: Deno.pid }));
  for (let frame = await readFrame(reader); frame; frame = await readFrame(reader)) {
    const { type, call, body } = frame;
    if (hello.role === "call" && type === 2) {
      for (const part of answer(call, body, hello.max_frame)) await write(conn, part);
    } else if (hello.role === "control" && type === 5) await write(conn, pack(0x86, call, {}));
    else if (FAULT === "knows all types" && ![3, 4, 5].includes(type)) throw new Refused("a type");
  }
}

async function serve(conn: Deno.Conn): Promise<void> {
  try {
    await converse(conn);
  } catch (error) {
    const details = { message: String(error), type: "Refused" };
    const frame = pack(0x85, 0, { error: "msg_parsing_error", details });
    if (FAULT !== "silent") await write(conn, frame).catch(() => undefined); // the peer may be gone
  } finally {
    conn.close();
  }
}

Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
const listener = Deno.listen({
  transport: "unix",
  path: join(ASYA_SOCKET_DIR, "asya-runtime.sock"),
});
Deno.writeTextFileSync(READY, '{"protocol":2,"concurrency":1,"mode":"payload"}');
for await (const conn of listener) void serve(conn);
