/** The MCP server of one request. */

import { Server, type ServerCapabilities } from "@modelcontextprotocol/server";
import type { CallContext } from "../calls.ts";
import { answerCall, listTools } from "./call.ts";
import type { Incoming } from "./incoming.ts";
import { ENVELOPE_TEMPLATE, readEnvelope } from "./resources.ts";
import { TASKS_EXTENSION } from "./task.ts";
import { addTasks2025, addTasks2026 } from "./tasks.ts";

const SERVER_INFO = { name: "asya-gateway", version: "1.0.0" };

const CAPABILITIES: Readonly<Record<Exchange["era"], ServerCapabilities>> = {
  legacy: {
    tools: {},
    resources: {},
    tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
  },
  modern: {
    tools: { listChanged: true },
    resources: {},
    extensions: { [TASKS_EXTENSION]: {} },
  },
};

/** One request and what answers it. */
export interface Exchange {
  readonly context: CallContext;
  readonly incoming: Incoming;
  /** `modern` is 2026-07-28, `legacy` the revisions of 2025 and before. */
  readonly era: "legacy" | "modern";
  /** Aborts when a wait is to end: the client has left, or the gateway stops. */
  readonly ends: AbortSignal;
}

/** A server that answers one request. */
export function createServer(exchange: Exchange): Server {
  const { context, incoming, era } = exchange;
  const server = new Server(SERVER_INFO, { capabilities: CAPABILITIES[era] });
  server.setRequestHandler("tools/list", () => ({ tools: listTools(context.tools()) }));
  if (incoming.method === "tools/call") {
    // A handler of its own would have its answers checked by the SDK, which knows of no tasks.
    server.fallbackRequestHandler = (request, ctx) => answerCall(exchange, request, ctx);
  }
  server.setRequestHandler("resources/list", () => ({ resources: [] }));
  server.setRequestHandler(
    "resources/templates/list",
    () => ({ resourceTemplates: [ENVELOPE_TEMPLATE] }),
  );
  server.setRequestHandler(
    "resources/read",
    ({ params }) => readEnvelope(context.store, params.uri),
  );
  if (era === "modern") addTasks2026(server, exchange);
  else addTasks2025(server, exchange);
  return server;
}
