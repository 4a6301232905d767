/** What the tests of sources share: modules, folders, a log, servers. */

import { createLogger, type Logger } from "@asya/telemetry";

/** Longest wait of a test for anything, in milliseconds. */
export const BOUND_MS = 10_000;

/** A signal that ends what hangs. */
export function bound(): AbortSignal {
  return AbortSignal.timeout(BOUND_MS);
}

/** A valid module without code; others for other labels. */
export function moduleOf(label: string, padding = 0): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(label.slice(0, 16).padEnd(16));
  const size = 17 + padding;
  const length = [size & 0x7f | 0x80, size >> 7 & 0x7f | 0x80, size >> 14 & 0x7f];
  const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...length, 16];
  return new Uint8Array([...header, ...name, ...new Uint8Array(padding)]);
}

/** Compresses. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A folder for the length of one test. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "asya-source-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A logger and the messages that went through it, severity first. */
export function capture(): { log: Logger; lines: string[]; text(): string } {
  const raw: string[] = [];
  const lines: string[] = [];
  const write = (line: string) => {
    raw.push(line);
    const { level, message } = JSON.parse(line);
    lines.push(`${level} ${message}`);
  };
  return { log: createLogger({ level: "info", write }), lines, text: () => raw.join("\n") };
}

/** A server on this machine for the length of a test. */
export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Ends it now: connections are refused from then on. */
  stop(): Promise<void>;
}

/** Starts one; `port`: that of one that was stopped. */
export function serve(
  handler: (request: Request) => Response | Promise<Response>,
  port = 0,
): TestServer {
  const onListen = () => {};
  const onError = () => new Response(null, { status: 500 });
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen, onError }, handler);
  const host = `127.0.0.1:${server.addr.port}`;
  let ended: Promise<void> | undefined;
  const stop = () => ended ??= server.shutdown();
  return { origin: `http://${host}`, host, stop, [Symbol.asyncDispose]: stop };
}

/** A body that breaks off after half of the bytes. */
export function broken(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let sent = false;
  return new ReadableStream({
    pull(controller) {
      if (sent) return controller.error(new Error("the wire was cut"));
      sent = true;
      controller.enqueue(bytes.subarray(0, bytes.length / 2));
    },
  });
}

/** The text of an error, its causes and its stack: where a secret must not be. */
export function everythingIn(error: unknown): string {
  return Deno.inspect(error, { depth: 10 });
}
