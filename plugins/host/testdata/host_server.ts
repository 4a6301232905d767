/** Servers that say what a test wants, on loopback. */

import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** A server that is there until it is disposed of; that ends its connections. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
}

/** Answers requests. */
export function serve(handle: Deno.ServeHandler): TestServer {
  const aborter = new AbortController();
  const { signal } = aborter;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, signal, onListen() {} }, handle);
  return {
    port: server.addr.port,
    async [Symbol.asyncDispose]() {
      aborter.abort();
      await server.finished;
    },
  };
}

/** Writes bytes as soon as something of a request is there, whatever they mean. */
export async function serveRaw(write: (socket: Socket) => void): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()); // the client leaves when it has seen enough
    socket.once("data", () => write(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Writes text again and again, until the client leaves or `bytes` are written. */
export function flood(socket: Socket, text: string, bytes: number): void {
  let written = 0;
  const more = () => {
    while (written < bytes && !socket.destroyed) {
      written += text.length;
      if (!socket.write(text)) return void socket.once("drain", more);
    }
    socket.end();
  };
  more();
}
