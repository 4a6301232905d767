/**
 * `/mcp`: the tools over MCP's Streamable HTTP, without sessions. The revision of 2026 is served by
 * the SDK's handler; 2025 clients get a server object a request, and plain JSON unless they asked
 * for progress.
 */

import {
  createMcpHandler,
  isLegacyRequest,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
  type Tool as McpTool,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import type { JsonText } from "@asya/envelope";
import type { Logger } from "@asya/telemetry";
import type { Hono } from "hono";
import { type CallContext, callTool, createdText } from "../calls.ts";
import { MAX_CALL_BYTES, readBody } from "../http/body.ts";
import { readObject, readObjectText } from "../json.ts";
import { parametersSchema } from "../tools/json_schema.ts";
import type { ToolSet } from "../tools/tool.ts";
import { waitForEnd } from "./wait.ts";

const SERVER_INFO = { name: "asya-gateway", version: "1.0.0" };
/** How long responses may take to be written when the gateway stops, in milliseconds. */
const CLOSE_GRACE_MS = 1_000;
/** The defaults of MCP, said aloud: an actor may do anything. */
const ANNOTATIONS = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  openWorldHint: true,
};

function listTools(tools: ToolSet): McpTool[] {
  return Array.from(tools.values(), ({ name, description, parameters }) => ({
    name,
    description,
    inputSchema: parametersSchema(parameters),
    annotations: ANNOTATIONS,
  }));
}

/** What is known of a request beside what the SDK makes of it. */
interface Incoming {
  /** `params.arguments` as the client wrote them: the SDK's own copy has lost digits. */
  readonly args: JsonText;
  /** Aborts when the client left. */
  readonly left: AbortSignal;
}

function incoming(members: ReadonlyMap<string, JsonText>, left: AbortSignal): Incoming {
  const params = members.get("params") ?? "null";
  const args = params.startsWith("{") ? readObjectText(params).get("arguments") : undefined;
  return { args: args?.startsWith("{") ? args : "{}", left };
}

function rpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status });
}

/** The same response, with a note of when its body is over, and of a client that left before. */
function watched(response: Response, onOver: () => void, onLeft: () => void): Response {
  if (response.body === null) {
    onOver();
    return response;
  }
  const reader = response.body.getReader();
  reader.closed.then(onOver, onOver);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel(reason) {
      onLeft();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return new Response(body, response);
}

/** What `/mcp` needs. */
export interface McpOptions extends CallContext {
  readonly log: Logger;
  /** Aborts when the gateway stops: waiting calls are answered with where to look. */
  readonly stopping: AbortSignal;
}

/** The MCP side of a gateway. */
export class McpEndpoint {
  readonly #o: McpOptions;
  readonly #incoming = new WeakMap<Request, Incoming>();
  readonly #modern: ReturnType<typeof createMcpHandler>;
  /** Responses that are not over yet. */
  readonly #open = new Set<Promise<void>>();

  constructor(options: McpOptions) {
    this.#o = options;
    const { log } = options;
    this.#modern = createMcpHandler(
      ({ requestInfo }) => this.#server(requestInfo, { tools: { listChanged: true } }),
      { legacy: "reject", onerror: (error) => log.debug("mcp request refused", { error }) },
    );
  }

  /** Adds `/mcp`. */
  addTo(app: Hono): void {
    app.on(["GET", "DELETE"], ["/mcp"], () => {
      const response = rpcError(405, -32000, "there are no sessions here: POST each request");
      response.headers.set("allow", "POST");
      return response;
    });
    app.post("/mcp", (c) => this.#post(c.req.raw));
  }

  /** Tells clients that subscribed to it that the list of tools is another one. */
  toolsChanged(): void {
    this.#modern.notify.toolsChanged();
  }

  /** Lets calls that wait get their answer (`stopping` has aborted before), then ends. */
  async close(): Promise<void> {
    const grace = Promise.withResolvers<void>();
    const timer = setTimeout(grace.resolve, CLOSE_GRACE_MS);
    await Promise.race([Promise.all(this.#open), grace.promise]);
    clearTimeout(timer);
    await this.#modern.close();
  }

  async #post(original: Request): Promise<Response> {
    const bytes = await readBody(original, MAX_CALL_BYTES);
    let members: ReadonlyMap<string, JsonText>;
    try {
      members = readObject(bytes);
    } catch (error) {
      // Also batches, which MCP no longer has.
      const message = error instanceof Error ? error.message : String(error);
      return rpcError(400, ProtocolErrorCode.ParseError, `the body is no JSON object: ${message}`);
    }
    const body = JSON.parse(new TextDecoder().decode(bytes));
    const left = new AbortController();
    const headers = new Headers(original.headers);
    // Some clients name only one of the two; those without a wish for progress get JSON anyhow.
    headers.set("accept", "application/json, text/event-stream");
    const request = new Request(original.url, { method: "POST", headers, signal: left.signal });
    this.#incoming.set(request, incoming(members, left.signal));
    const response = await isLegacyRequest(request, body)
      ? await this.#legacy(request, body)
      : await this.#modern.fetch(request, { parsedBody: body });
    const over = Promise.withResolvers<void>();
    this.#open.add(over.promise);
    const onOver = () => {
      this.#open.delete(over.promise);
      over.resolve();
    };
    return watched(response, onOver, () => left.abort());
  }

  async #legacy(request: Request, body: unknown): Promise<Response> {
    const wantsProgress = (body as { params?: { _meta?: { progressToken?: unknown } } })
      .params?._meta?.progressToken !== undefined;
    const transport = new WebStandardStreamableHTTPServerTransport({
      enableJsonResponse: !wantsProgress,
    });
    await this.#server(request, { tools: {} }).connect(transport);
    return transport.handleRequest(request, { parsedBody: body });
  }

  #server(
    request: Request | undefined,
    capabilities: { tools: { listChanged?: boolean } },
  ): Server {
    const server = new Server(SERVER_INFO, { capabilities });
    server.setRequestHandler("tools/list", () => ({ tools: listTools(this.#o.tools()) }));
    server.setRequestHandler(
      "tools/call",
      ({ params }, ctx) => this.#call(params.name, request && this.#incoming.get(request), ctx),
    );
    return server;
  }

  async #call(name: string, from: Incoming | undefined, ctx: ServerContext) {
    const outcome = await callTool(this.#o, name, from?.args ?? "{}");
    if (outcome.kind === "unknown tool") {
      const message = `there is no tool ${JSON.stringify(name)}`;
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
    }
    if (outcome.kind === "refused") {
      const text = outcome.problems.join("; ");
      return { content: [{ type: "text" as const, text }], isError: true };
    }
    const { id, tool } = outcome;
    const token = ctx.mcpReq._meta?.progressToken;
    if (token === undefined) {
      return { content: [{ type: "text" as const, text: createdText(id, tool) }] };
    }
    const ends = [this.#o.stopping, ctx.mcpReq.signal, ...from ? [from.left] : []];
    const signal = AbortSignal.any(ends);
    return waitForEnd({ store: this.#o.store, ctx, token, id, tool, signal });
  }
}
