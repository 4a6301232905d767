/** The gateway: HTTP and MCP in front of actors, over any store and any queue. */

import type { Logger } from "@asya/telemetry";
import { Hono } from "hono";
import { meshAuth } from "./auth.ts";
import { loopbackOnly } from "./http/loopback.ts";
import { addRoute } from "./http/methods.ts";
import { GatewayError, problemResponse, toGatewayError } from "./http/problem.ts";
import { McpEndpoint } from "./mcp/mcp.ts";
import { type Publish, Publisher } from "./publisher.ts";
import { Reports } from "./reports.ts";
import { addCallRoutes } from "./routes/calls.ts";
import { addEnvelopeRoutes } from "./routes/envelopes.ts";
import { addReportRoutes } from "./routes/reports.ts";
import type { Store } from "./store/store.ts";
import { Timers } from "./timers.ts";
import type { ToolSet } from "./tools/tool.ts";

/** What a gateway is made of. The caller opens and closes the store and the queue. */
export interface GatewayOptions {
  /** Where envelopes are kept. */
  readonly store: Store;
  /** Puts messages on queues: `(out) => queue.send(out)`. */
  readonly publish: Publish;
  /** The tools in force; asked anew for each request. */
  readonly tools: () => ToolSet;
  /** Where it says what it does; never a payload. */
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The token that reports need; absent: none. Asked anew for each report. */
  readonly meshToken?: () => string;
  /** It listens on this machine only: refuse requests with a foreign Host or Origin. */
  readonly loopback?: boolean;
}

/** All routes as a function of requests; bound, so both can be handed on. */
export interface GatewayApp {
  /** Serves one request: the handler for `Deno.serve`. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Serves a request to a path without a socket. */
  readonly request: (path: string, init?: RequestInit) => Response | Promise<Response>;
}

/** A gateway without a port: serve `app.fetch` on one. */
export interface Gateway {
  /** Every route, `/mcp` included. */
  readonly app: GatewayApp;
  /** Begins to publish what is waiting and to fail what is overdue. */
  start(): void;
  /** Ends streams and waiting calls, stops the timers, finishes what is being published. */
  close(): Promise<void>;
}

function addErrorHandlers(app: Hono, log: Logger): void {
  app.notFound((c) => {
    const message = `there is nothing at ${c.req.path.slice(0, 200)}`;
    return problemResponse(new GatewayError(404, "not_found", message));
  });
  app.onError((error, c) => {
    const known = toGatewayError(error);
    if (known) return problemResponse(known);
    log.error("request failed", { method: c.req.method, path: c.req.path, error });
    return problemResponse(new GatewayError(500, "internal_error", "something is wrong with us"));
  });
}

/**
 * Makes a gateway.
 *
 * @example
 * ```ts
 * import { createGateway, openSqliteStore } from "@asya/gateway";
 * import { createLogger } from "@asya/telemetry";
 * const store = openSqliteStore(":memory:");
 * const gateway = createGateway({
 *   store,
 *   publish: (out) => Promise.resolve(out.map(() => ({ ok: true }))),
 *   tools: () => new Map(),
 *   log: createLogger({ level: "error" }),
 * });
 * const response = await gateway.app.request("/health");
 * if (response.status !== 200) throw new Error("not healthy");
 * await gateway.close();
 * await store.close();
 * ```
 */
export function createGateway(options: GatewayOptions): Gateway {
  const { store, publish, tools, log, now = Date.now, meshToken } = options;
  const stopping = new AbortController();
  const publisher = new Publisher({ store, publish, log, now });
  const calls = { store, publisher, tools, now };
  const mcp = new McpEndpoint({ ...calls, log, stopping: stopping.signal });
  let known = tools();
  const timers = new Timers({
    store,
    publisher,
    log,
    now,
    onTick() {
      if (known === tools()) return;
      known = tools();
      mcp.toolsChanged();
    },
  });

  const app = new Hono();
  addErrorHandlers(app, log);
  if (options.loopback) app.use(loopbackOnly());
  app.all("/health", (c) => c.text("OK\n"));
  addRoute(app, "/envelopes/", {
    GET: () => {
      throw new GatewayError(400, "id_missing", "the envelope's id is missing in the path");
    },
  });
  addCallRoutes(app, calls);
  addReportRoutes(app, new Reports(store, now), meshAuth(meshToken));
  addEnvelopeRoutes(app, { store, stopping: stopping.signal });
  mcp.addTo(app);

  return {
    app,
    start: () => timers.start(),
    async close() {
      stopping.abort();
      await timers.stop();
      await mcp.close();
      await publisher.idle();
    },
  };
}
