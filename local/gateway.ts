/** The gateway inside `dev`: loopback only, on the same file as the queue. */

import { createGateway, openSqliteStore, type ToolSet } from "@asya/gateway";
import type { Logger } from "@asya/telemetry";
import type { Transport } from "@asya/transport";
import { LocalError } from "./error.ts";

/** What it needs. */
export interface LocalGatewayOptions {
  /** 0 = any free one. */
  readonly port: number;
  /** The SQLite file. */
  readonly database: string;
  readonly transport: Transport;
  readonly tools: () => ToolSet;
  readonly log: Logger;
}

/** A gateway that listens. */
export interface LocalGateway {
  readonly url: string;
  /** Reaches it without a socket: for what lives in this process. */
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

/** @throws LocalError `port_in_use` */
export async function serveGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const { transport, log, tools } = options;
  const store = openSqliteStore(options.database);
  const queue = transport.queue("gateway");
  const gateway = createGateway({
    store,
    publish: (out) => queue.send(out),
    tools,
    log: log.with({ service: "gateway" }),
    loopback: true,
  });
  const aborted = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    const { port } = options;
    const { signal } = aborted;
    const quiet = () => {};
    server = Deno.serve(
      { hostname: "127.0.0.1", port, signal, onListen: quiet },
      gateway.app.fetch,
    );
  } catch (error) {
    await gateway.close();
    await store.close();
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    const message = `port ${options.port} is in use: choose another one with --port N, ` +
      "or any free one with --port 0";
    throw new LocalError("port_in_use", message, { cause: error });
  }
  gateway.start();
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    fetch: async (input, init) => await gateway.app.fetch(new Request(input, init)),
    async close() {
      await gateway.close();
      aborted.abort();
      await server.finished;
      await queue.close();
      await store.close();
    },
  };
}
