/** `/health` and `/metrics`, for probes and Prometheus. */

import { Hono } from "hono";
import type { Sidecar } from "./sidecar.ts";
import type { ListenAddress } from "./settings.ts";

/** What is served, and where. */
export interface HealthOptions {
  /** Where to listen. */
  readonly address: ListenAddress;
  /** Whether `/metrics` is there. */
  readonly metrics: boolean;
}

/** A listening server. */
export interface HealthServer {
  /** The port that it got. */
  readonly port: number;
  /** Lets running requests end. */
  close(): Promise<void>;
}

/** The address cannot be listened on. */
export class AddressUnusable extends Error {
  /** The class, for logs. */
  override readonly name = "AddressUnusable";
  /** Stable. */
  readonly code = "address_unusable";
}

/** The routes, for a server or a test. */
export function healthApp(sidecar: Sidecar, metrics: boolean): Hono {
  let alive = true;
  sidecar.done.catch(() => alive = false);
  const app = new Hono();
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/health/live", (c) => c.json({ live: alive }, alive ? 200 : 503));
  app.get("/health/ready", (c) => {
    const { ready, trouble, inFlight } = sidecar.stats();
    return c.json(
      { ready, ...trouble === undefined ? {} : { trouble }, inFlight },
      ready ? 200 : 503,
    );
  });
  if (metrics) {
    app.get("/metrics", async (c) => {
      c.header("content-type", "text/plain; version=0.0.4; charset=utf-8");
      return c.body(await sidecar.metricsText());
    });
  }
  return app;
}

/**
 * Serves until closed.
 * @throws AddressUnusable when the port is in use, or may not be used
 */
export function serveHealth(sidecar: Sidecar, { address, metrics }: HealthOptions): HealthServer {
  const app = healthApp(sidecar, metrics);
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ ...address, onListen: () => undefined }, app.fetch);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AddressUnusable(
      `cannot listen on ${address.hostname}:${address.port}, set ASYA_METRICS_ADDR to another address: ${why}`,
      { cause },
    );
  }
  return { port: server.addr.port, close: () => server.shutdown() };
}
