/** Starts the runtime as a process of Node or Deno, and speaks with it byte by byte. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const RUNTIME: string = fileURLToPath(new URL("./asya_runtime.mjs", import.meta.url));
export const HANDLERS: string = fileURLToPath(new URL("./testdata/handlers.mjs", import.meta.url));
const BOUND_MS = 20_000;

/** What runs the runtime. */
export interface Engine {
  readonly name: "node" | "deno";
  /** Major and minor version, as a number like 20.19; undefined where it is missing. */
  readonly version: number | undefined;
  /** The command for the runtime whose sockets are in `folder` and whose handler is in `code`. */
  command(folder: string, code: string): string[];
}

function nodeVersion(): number | undefined {
  try {
    const { stdout } = new Deno.Command("node", { args: ["--version"] }).outputSync();
    return Number(/v(\d+\.\d+)/.exec(new TextDecoder().decode(stdout))?.[1]);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The permissions that README.md names. */
function permissions(folder: string, code: string): string[] {
  const socket = join(folder, "asya-runtime.sock");
  return [
    "--no-prompt",
    `--allow-read=${folder},${code},${RUNTIME}`,
    `--allow-write=${folder}`,
    "--allow-env=ASYA_*",
    `--allow-net=unix:${socket},unix:${socket}.new`,
  ];
}

export const ENGINES: readonly Engine[] = [
  { name: "node", version: nodeVersion(), command: () => ["node", RUNTIME] },
  {
    name: "deno",
    version: Number(Deno.version.deno.split(".").slice(0, 2).join(".")),
    command: (folder, code) => [
      Deno.execPath(),
      "run",
      "--no-lock",
      ...permissions(folder, code),
      RUNTIME,
    ],
  },
];

/** A test for each engine; skipped, and says so, where there is none. */
export function testEach(name: string, run: (engine: Engine) => Promise<void>): void {
  for (const engine of ENGINES) {
    const missing = engine.version === undefined;
    const title = `${name} (${engine.name}${missing ? ": not on PATH" : ""})`;
    Deno.test({ name: title, ignore: missing, fn: () => run(engine) });
  }
}

/** A frame of version 2. */
export interface WireFrame {
  readonly type: number;
  readonly call: number;
  readonly head: Record<string, unknown>;
  readonly body: string;
}

/** A frame's bytes. */
export function frame(
  type: number,
  call: number,
  head: unknown,
  body: string | Buffer = "",
): Buffer {
  const text = Buffer.from(typeof head === "string" ? head : JSON.stringify(head));
  const rest = Buffer.from(body);
  const start = Buffer.alloc(16);
  start.writeUInt32BE(12 + text.length + rest.length, 0);
  start.writeUInt8(type, 4);
  start.writeUInt32BE(call, 8);
  start.writeUInt32BE(text.length, 12);
  return Buffer.concat([start, text, rest]);
}

/** Resolves once `holds`; fails after a bound. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + BOUND_MS;
  while (!await holds()) {
    assert(performance.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** One connection to the runtime. */
export class Peer {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  private constructor(readonly socket: Socket) {
    socket.on("data", (data) => {
      this.#bytes = Buffer.concat([this.#bytes, data as Buffer]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("end", end).on("close", end).on("error", end);
  }

  static async connect(folder: string): Promise<Peer> {
    const socket = connect(join(folder, "asya-runtime.sock"));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve).once("error", reject);
    await promise;
    return new Peer(socket);
  }

  write(data: Buffer | string): void {
    this.socket.write(data);
  }

  async #until(enough: () => boolean): Promise<void> {
    const late = setTimeout(() => this.socket.destroy(), BOUND_MS);
    while (!enough() && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    clearTimeout(late);
  }

  /** The next frame; undefined at the end of the stream. */
  async next(): Promise<WireFrame | undefined> {
    const length = () => this.#bytes.length < 4 ? Infinity : 4 + this.#bytes.readUInt32BE(0);
    await this.#until(() => this.#bytes.length >= length());
    if (this.#bytes.length < length()) return undefined;
    const all = this.#bytes.subarray(0, length()), middle = 16 + all.readUInt32BE(12);
    this.#bytes = this.#bytes.subarray(all.length);
    const head = JSON.parse(all.subarray(16, middle).toString());
    const body = all.subarray(middle).toString();
    return { type: all.readUInt8(4), call: all.readUInt32BE(8), head, body };
  }

  /** Everything up to the end of the stream. */
  async rest(): Promise<Buffer> {
    await this.#until(() => false);
    return this.#bytes;
  }

  /** A CALL and what comes of it, up to END or ERROR. */
  async call(number: number, payload: string | Buffer, head: object = {}): Promise<WireFrame[]> {
    const envelope = { id: "e-1", route: { actors: ["a", "b"], current: 0 }, ...head };
    this.write(frame(0x02, number, envelope, payload));
    return await this.answer();
  }

  /** Begins a call that says by a partial result that it runs. */
  async begin(number: number, payload: string, remaining_ms = 60_000): Promise<void> {
    this.write(frame(0x02, number, { asya: { remaining_ms } }, payload));
    assert.equal((await this.next())?.type, 0x83);
  }

  /** Cancels until there is an answer: a cancel may overtake its call, which then is unknown. */
  async cancel<T>(number: number, answer: Promise<T>): Promise<T> {
    const again = setInterval(() => this.write(frame(0x03, number, { reason: "cancel" })), 20);
    return await answer.finally(() => clearInterval(again));
  }

  async answer(): Promise<WireFrame[]> {
    const frames: WireFrame[] = [];
    for (;;) {
      const one = await this.next();
      assert(one, "the connection ended in the middle of an answer");
      frames.push(one);
      if (one.type === 0x84 || one.type === 0x85) return frames;
    }
  }

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.socket.once("close", () => resolve());
    this.socket.destroy();
    return this.socket.closed ? Promise.resolve() : promise;
  }
}

/** A running runtime. */
export class Running {
  /** What it has printed. */
  stdout = "";
  stderr = "";
  readonly #child: Deno.ChildProcess;
  readonly #peers: Peer[] = [];
  readonly #outputs: Promise<void>[];
  #over = false;

  constructor(readonly folder: string, child: Deno.ChildProcess) {
    this.#child = child;
    void child.status.then(() => this.#over = true);
    this.#outputs = [
      this.#collect(child.stdout, (text) => this.stdout += text),
      this.#collect(child.stderr, (text) => this.stderr += text),
    ];
  }

  async #collect(from: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    for await (const text of from.pipeThrough(new TextDecoderStream())) add(text);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get over(): boolean {
    return this.#over;
  }

  async peer(): Promise<Peer> {
    const peer = await Peer.connect(this.folder);
    this.#peers.push(peer);
    return peer;
  }

  /** A connection that has said HELLO. */
  async hello(role: string, maxFrame = 1 << 28): Promise<Peer> {
    const peer = await this.peer();
    peer.write("ASYA/2\r\n");
    peer.write(frame(0x01, 0, { max_frame: maxFrame, actor: "a", role }));
    return peer;
  }

  /** A connection that has been welcomed. */
  async welcomed(role = "call", maxFrame?: number): Promise<Peer> {
    const peer = await this.hello(role, maxFrame);
    assert.equal((await peer.next())?.type, 0x81);
    return peer;
  }

  /** A version 1 exchange: the answer's JSON text. */
  async exchange(message: string | Uint8Array): Promise<string> {
    const peer = await this.peer();
    const body = Buffer.from(message as Uint8Array), length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    peer.write(Buffer.concat([length, body]));
    const answer = await peer.rest();
    assert.equal(answer.readUInt32BE(0), answer.length - 4);
    return answer.subarray(4).toString();
  }

  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Its exit code, once it has ended and said all. */
  async ended(): Promise<number> {
    await until(() => this.#over, "the end of the process");
    await Promise.all(this.#outputs);
    return (await this.#child.status).code;
  }

  lines(): Record<string, unknown>[] {
    return this.stderr.split("\n").filter((line) => line.startsWith("{")).map((line) =>
      JSON.parse(line)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) await peer.close();
    if (!this.#over) this.#child.kill("SIGKILL");
    await this.#child.status;
    await Promise.all(this.#outputs);
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Starts it with an export of testdata/handlers.mjs, or with files of its own. */
export async function launch(
  engine: Engine,
  handler: string,
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): Promise<Running> {
  const folder = await Deno.makeTempDir({ prefix: "asya" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder, name), text);
  }
  const code = env.ASYA_TEST_CODE ?? fileURLToPath(new URL("./testdata", import.meta.url));
  const [command, ...args] = engine.command(env.ASYA_SOCKET_DIR ?? folder, code);
  const child = new Deno.Command(command!, {
    args,
    cwd: folder,
    env: {
      NO_COLOR: "1",
      ASYA_SOCKET_DIR: folder,
      ASYA_HANDLER: Object.keys(files).length > 0 ? handler : `${HANDLERS}:${handler}`,
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return new Running(folder, child);
}

/** Starts it and waits until it is ready. */
export async function start(...how: Parameters<typeof launch>): Promise<Running> {
  const running = await launch(...how);
  const ready = join(running.folder, "runtime-ready");
  await until(async () => running.over || await exists(ready), "runtime-ready");
  assert(!running.over, running.stderr);
  return running;
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
