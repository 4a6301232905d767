/** The gateway: HTTP and MCP in front of actors, over any store and any queue. */

import type { Logger } from "@asya/telemetry";
import { Hono } from "hono";
import { meshAuth } from "./auth/mesh.ts";
import { metadataRoutes } from "./auth/metadata.ts";
import { addGuards, type GuardOptions } from "./guard.ts";
import { addRoutes } from "./http/methods.ts";
import { GatewayError, problemResponse, toGatewayError } from "./http/problem.ts";
import { McpEndpoint } from "./mcp/mcp.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { auditCalls } from "./observe/audit.ts";
import { outboxVitals } from "./observe/outbox.ts";
import { measuredStore } from "./observe/store.ts";
import { type Publish, Publisher } from "./publisher.ts";
import { Reports } from "./reports.ts";
import { callRoutes } from "./routes/calls.ts";
import { changeRoutes } from "./routes/change.ts";
import { envelopeRoutes } from "./routes/envelopes.ts";
import { healthRoutes } from "./routes/health.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { listRoutes } from "./routes/list.ts";
import { openapiRoutes } from "./routes/openapi.ts";
import { reportRoutes } from "./routes/reports.ts";
import type { Store } from "./store/store.ts";
import { Timers } from "./timers.ts";
import type { ToolSet } from "./tools/tool.ts";
import { Waits } from "./waits.ts";

/** What a gateway is made of. The caller opens and closes the store and the queue. */
export interface GatewayOptions {
  /** Where envelopes are kept. */
  readonly store: Store;
  /** Puts messages on queues: `(out) => queue.send(out)`. */
  readonly publish: Publish;
  /** The tools in force; asked anew for each request. */
  readonly tools: () => ToolSet;
  /** Why newer tools are not in force, for `/health/ready`. */
  readonly toolProblems?: () => readonly string[];
  /** Where it says what it does; never a payload. */
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The tokens of which reports need one; absent: none. Asked anew for each report. */
  readonly meshTokens?: () => readonly string[];
  /** Who may come in, from where, and how often; absent: everybody. */
  readonly guard?: GuardOptions;
  /** Counts what happens; absent: nobody does. */
  readonly metrics?: GatewayMetrics;
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
  /** What is counted, in the text format of Prometheus; empty without `metrics`. */
  metricsText(): Promise<string>;
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
  const { publish, tools, log, now = Date.now, meshTokens, guard = {}, metrics } = options;
  const toolProblems = options.toolProblems ?? (() => []);
  const store = metrics ? measuredStore(options.store, metrics) : options.store;
  const stopping = new AbortController();
  const publisher = new Publisher({ store, publish, log, now });
  const calls = { store, publisher, tools, now, onCall: auditCalls(log, metrics) };
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
      metrics?.reloaded();
      mcp.toolsChanged();
    },
  });

  const app = new Hono();
  addErrorHandlers(app, log);
  addGuards(app, { ...guard, store, now, loopback: options.loopback ?? false, metrics });
  const waits = new Waits({ store, stopping: stopping.signal });
  addRoutes(app, [
    healthRoutes({ store, publisher, tools, toolProblems }),
    openapiRoutes(),
    callRoutes(calls, waits),
    hookRoutes({ ...calls, log }),
    listRoutes(store),
    envelopeRoutes({ store, stopping: stopping.signal }),
    changeRoutes(calls, waits),
    reportRoutes(new Reports(store, now), meshAuth(meshTokens)),
    guard.authentication?.oauth ? metadataRoutes(guard.authentication.oauth.options) : {},
  ]);
  mcp.addTo(app);

  return {
    app,
    metricsText: async () => {
      const { waiting: publishing } = publisher.backlog;
      const vitals = { tools: tools().size, toolProblems: toolProblems().length, publishing };
      return await metrics?.text({ ...vitals, ...await outboxVitals(store, now()) }) ?? "";
    },
    start: () => timers.start(),
    async close() {
      stopping.abort();
      await timers.stop();
      await mcp.close();
      await publisher.idle();
    },
  };
}
