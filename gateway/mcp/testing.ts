/** MCP requests without a client, for tests that look at what goes over the wire. */

import type { Harness } from "../testing/harness.ts";

const PROTOCOL = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

/** A revision that both sides speak. */
export type Revision = "2025-11-25" | "2026-07-28";

/** What came back. */
export interface RpcAnswer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- tests know what they asked for
  readonly result?: any;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** How to ask. */
export interface RpcOptions {
  /** A client of 2026 says in each request that it takes tasks; not so when false. */
  readonly tasks?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The request of one method, with all that its revision wants to see. */
export function rpcRequest(
  revision: Revision,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  { tasks = true, headers = {}, signal }: RpcOptions = {},
): Request {
  const modern = revision === "2026-07-28";
  const extensions = tasks ? { "io.modelcontextprotocol/tasks": {} } : {};
  const _meta = { [PROTOCOL]: revision, [CAPABILITIES]: { extensions } };
  const name = params.name ?? params.taskId ?? params.uri;
  return new Request("http://localhost/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      ...modern ? { "mcp-method": method } : {},
      ...modern && typeof name === "string" ? { "mcp-name": name } : {},
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method,
      params: modern ? { ...params, _meta: { ..._meta, ...Object(params._meta) } } : params,
    }),
    ...signal ? { signal } : {},
  });
}

/** The message with the answer, out of JSON or a stream of events. */
export async function readAnswer(response: Response): Promise<RpcAnswer> {
  const text = await response.text();
  const messages = response.headers.get("content-type")?.startsWith("text/event-stream")
    ? [...text.matchAll(/^data: (.+)$/gm)].map((match) => JSON.parse(match[1]!))
    : [JSON.parse(text)];
  const answer = messages.find(({ method }) => method === undefined);
  return { status: response.status, ...answer };
}

/** Asks and reads the answer. */
export async function rpc(
  harness: Harness,
  ...request: Parameters<typeof rpcRequest>
): Promise<RpcAnswer> {
  return await readAnswer(await harness.gateway.app.fetch(rpcRequest(...request)));
}
