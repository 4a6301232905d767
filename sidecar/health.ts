/** `/health` and `/metrics`, for probes and Prometheus. */

import type { Sidecar } from "./sidecar.ts";
import type { ListenAddress } from "@asya/config";

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

/** The routes, for a server or a test. Four paths need no router, and a sidecar counts megabytes. */
export function healthRoutes(
  sidecar: Sidecar,
  metrics: boolean,
): (request: Request) => Promise<Response> {
  let alive = true;
  sidecar.done.catch(() => alive = false);
  const routes: Record<string, () => Response | Promise<Response>> = {
    "/health": () => Response.json({ status: "ok" }),
    "/health/live": () => Response.json({ live: alive }, { status: alive ? 200 : 503 }),
    "/health/ready"() {
      const { ready, trouble, inFlight } = sidecar.stats();
      const why = trouble === undefined ? {} : { trouble };
      return Response.json({ ready, ...why, inFlight }, { status: ready ? 200 : 503 });
    },
  };
  if (metrics) {
    const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
    routes["/metrics"] = async () => new Response(await sidecar.metricsText(), { headers });
  }
  return async ({ url, method }) => {
    const { pathname } = new URL(url);
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
    if (route === undefined) return new Response("not found\n", { status: 404 });
    if (method !== "GET" && method !== "HEAD") return new Response(null, { status: 405 });
    return await route();
  };
}

/**
 * Serves until closed.
 * @throws AddressUnusable when the port is in use, or may not be used
 */
export function serveHealth(sidecar: Sidecar, { address, metrics }: HealthOptions): HealthServer {
  const routes = healthRoutes(sidecar, metrics);
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ ...address, onListen: () => undefined }, routes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AddressUnusable(
      `cannot listen on ${address.hostname}:${address.port}, set ASYA_METRICS_ADDR to another address: ${why}`,
      { cause },
    );
  }
  return { port: server.addr.port, close: () => server.shutdown() };
}
