/**
 * `/mcp`: MCP's Streamable HTTP, without sessions. The revision of 2026 is served by the SDK's
 * handler; 2025 clients get a server object a request, and plain JSON unless they may have to wait.
 */

import {
  createMcpHandler,
  isLegacyRequest,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import type { Logger } from "@asya/telemetry";
import type { Hono } from "hono";
import { callerOf, setCaller } from "../auth/caller.ts";
import { forRequest } from "../auth/for_request.ts";
import { type CallContext, checkScope } from "../calls.ts";
import { hasTasks, tasksMissing } from "./capability.ts";
import { type Incoming, readMessage, rpcError } from "./incoming.ts";
import { createServer, type Exchange } from "./server.ts";

/** How long responses may take to be written when the gateway stops, in milliseconds. */
const CLOSE_GRACE_MS = 5_000;
/** Requests that may wait at a time. */
const MAX_OPEN = 10_000;

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

/** The parts of `params` that decide how a message is served. */
interface Params {
  readonly _meta?: { readonly progressToken?: unknown };
  readonly name?: unknown;
  readonly notifications?: { readonly taskIds?: unknown };
}

function paramsOf(body: Readonly<Record<string, unknown>>): Params {
  return Object(body.params) as Params;
}

/** A client hears about tasks only where it says that it takes them. */
function listensUndeclared({ method, ...body }: Readonly<Record<string, unknown>>): boolean {
  if (method !== "subscriptions/listen") return false;
  const { _meta, notifications } = paramsOf(body);
  return Object(notifications).taskIds !== undefined && !hasTasks(_meta);
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
  /** Answers that are not over yet. */
  readonly #open = new Set<Promise<void>>();

  /** @param max requests served at a time; another one is refused with 503 */
  constructor(options: McpOptions, private readonly max: number = MAX_OPEN) {
    this.#o = options;
    const { log } = options;
    this.#modern = createMcpHandler(
      ({ requestInfo }) => this.#serverFor(requestInfo!, "modern"),
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

  /** The server that answers one request; here more can be added to it. */
  protected server(exchange: Exchange): Server {
    return createServer(exchange);
  }

  #serverFor(request: Request, era: Exchange["era"]): Server {
    const incoming = this.#incoming.get(request)!;
    const ends = AbortSignal.any([this.#o.stopping, incoming.left]);
    return this.server({ context: forRequest(this.#o, request), incoming, era, ends });
  }

  async #post(original: Request): Promise<Response> {
    if (this.#open.size >= this.max) {
      const message = `${this.max} requests are being served already, try again later`;
      const response = rpcError(503, -32000, message);
      response.headers.set("retry-after", "1");
      return response;
    }
    const message = await readMessage(original);
    if (message instanceof Response) return message;
    const { body, args } = message;
    if (listensUndeclared(body)) {
      const { code, message, data } = tasksMissing();
      const error = { code, message, data };
      return Response.json({ jsonrpc: "2.0", id: body.id ?? null, error }, { status: 400 });
    }
    const caller = callerOf(original);
    // Here, as afterwards its status could not say so.
    if (body.method === "tools/call") {
      checkScope({ ...this.#o, caller }, String(paramsOf(body).name));
    }
    const left = new AbortController();
    const headers = new Headers(original.headers);
    // Some clients name only one of the two; those that need not wait get JSON anyhow.
    headers.set("accept", "application/json, text/event-stream");
    const request = new Request(original.url, { method: "POST", headers, signal: left.signal });
    setCaller(request, caller);
    const method = typeof body.method === "string" ? body.method : undefined;
    this.#incoming.set(request, { method, args, left: left.signal });
    const response = await isLegacyRequest(request, body)
      ? await this.#legacy(request, body)
      : await this.#modern.fetch(request, { parsedBody: body });
    const over = Promise.withResolvers<void>();
    // One that listens has no answer that could be waited for.
    if (method !== "subscriptions/listen") this.#open.add(over.promise);
    const onOver = () => {
      this.#open.delete(over.promise);
      over.resolve();
    };
    return watched(response, onOver, () => left.abort());
  }

  async #legacy(request: Request, body: Readonly<Record<string, unknown>>): Promise<Response> {
    // Only a stream tells that its client has left.
    const waits = body.method === "tasks/result" ||
      paramsOf(body)._meta?.progressToken !== undefined;
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: !waits });
    await this.#serverFor(request, "legacy").connect(transport);
    return transport.handleRequest(request, { parsedBody: body });
  }
}
