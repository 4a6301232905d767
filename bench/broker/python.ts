/** A Python runtime with a small handler, and a loop that calls it with nothing around it. */

import { join } from "node:path";
import { Process } from "./process.ts";

const RUNTIME = new URL("../../runtime/python/asya_runtime.py", import.meta.url).pathname;
const HANDLERS = `import time

def noop(payload):
    return payload

def sleep(payload):
    time.sleep(0.01)
    return payload
`;
const READY_MS = 20_000;

/** A running runtime; `dir` is its socket folder. */
export class PythonRuntime implements AsyncDisposable {
  private constructor(readonly dir: string, private readonly process: Process) {}

  /** Starts one and waits until it is ready. `protocol` is what it says it speaks. */
  static async start(
    handler: "noop" | "sleep",
    o: { concurrency?: number; protocol?: 1 | 2 } = {},
  ): Promise<PythonRuntime> {
    const dir = await Deno.makeTempDir({ prefix: "asya-bench-" });
    await Deno.writeTextFile(join(dir, "bench_handlers.py"), HANDLERS);
    const process = new Process("python3", {
      args: [RUNTIME],
      cwd: dir,
      env: {
        ASYA_HANDLER: `bench_handlers.${handler}`,
        ASYA_SOCKET_DIR: dir,
        ASYA_CONCURRENCY: `${o.concurrency ?? 1}`,
        ASYA_LOG_LEVEL: "WARNING",
        PYTHONPATH: dir,
      },
    });
    const runtime = new PythonRuntime(dir, process);
    await runtime.#ready();
    // A runtime of version 2 serves version 1 as well; the sidecar believes the file.
    if (o.protocol === 1) await Deno.writeTextFile(join(dir, "runtime-ready"), "ready");
    return runtime;
  }

  async #ready(): Promise<void> {
    for (const until = performance.now() + READY_MS; performance.now() < until;) {
      try {
        await Deno.stat(join(this.dir, "runtime-ready"));
        return;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      await new Promise((looked) => setTimeout(looked, 10));
    }
    throw new Error("the Python runtime does not become ready");
  }

  /** Calls one after another over one connection, nothing parsed; calls a second. */
  async bareCalls(count: number, payload: Uint8Array): Promise<number> {
    const path = join(this.dir, "asya-runtime.sock");
    using conn = await Deno.connect({ transport: "unix", path });
    const frames = new Frames(conn);
    await frames.write(PREAMBLE);
    await frames.write(frame(HELLO, 0, { max_frame: 2 ** 28, actor: "bench", role: "call" }));
    await frames.until(WELCOME);
    const head = {
      id: "bare",
      route: { actors: ["bench", "next"], current: 0 },
      asya: { attempt: 1, remaining_ms: 60_000 },
    };
    const call = frame(CALL, 1, head, payload);
    const began = performance.now();
    for (let n = 0; n < count; n++) {
      await frames.write(call);
      await frames.until(END);
    }
    return count / ((performance.now() - began) / 1000);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await Deno.remove(this.dir, { recursive: true });
  }
}

const PREAMBLE = new TextEncoder().encode("ASYA/2\r\n");
const [HELLO, CALL, WELCOME, END] = [0x01, 0x02, 0x81, 0x84];
const HEADER_BYTES = 16;

function frame(
  type: number,
  call: number,
  head: object,
  body: Uint8Array = new Uint8Array(),
): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const bytes = new Uint8Array(HEADER_BYTES + json.length + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  view.setUint8(4, type);
  view.setUint32(8, call);
  view.setUint32(12, json.length);
  bytes.set(json, HEADER_BYTES);
  bytes.set(body, HEADER_BYTES + json.length);
  return bytes;
}

/** Frames of a connection, of which only the types are looked at; each must fit the buffer. */
class Frames {
  readonly #buffer = new Uint8Array(64 * 1024);
  #have = 0;

  constructor(private readonly conn: Deno.Conn) {}

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.conn.write(bytes.subarray(sent));
  }

  /** Reads up to a frame of this type. */
  async until(type: number): Promise<void> {
    const buffer = this.#buffer;
    for (;;) {
      const size = this.#have < 4 ? Infinity : 4 + new DataView(buffer.buffer).getUint32(0);
      if (this.#have < size) {
        const count = await this.conn.read(buffer.subarray(this.#have));
        if (count === null) throw new Error("the Python runtime closed the connection");
        this.#have += count;
        continue;
      }
      const found = buffer[4];
      buffer.copyWithin(0, size, this.#have);
      this.#have -= size;
      if (found === type) return;
    }
  }
}
