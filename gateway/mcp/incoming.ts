/** A POST to `/mcp`: one JSON-RPC message, with what must survive of its text. */

import { EnvelopeError, type JsonText } from "@asya/envelope";
import { ProtocolErrorCode } from "@modelcontextprotocol/server";
import { MAX_CALL_BYTES, readBody } from "../http/body.ts";
import { GatewayError } from "../http/problem.ts";
import { readObject, readObjectText } from "../json.ts";

/** What is known of a message beside what the SDK makes of it. */
export interface Incoming {
  /** Its `method`; `undefined` where it has none, as a response. */
  readonly method: string | undefined;
  /** `params.arguments` as the client wrote them: the SDK's own copy has lost digits. */
  readonly args: JsonText;
  /** Aborts when the client left. */
  readonly left: AbortSignal;
}

/** A message, parsed. */
export interface ReadMessage {
  /** The whole message as the SDK wants it. */
  readonly body: Readonly<Record<string, unknown>>;
  /** {@linkcode Incoming.args} */
  readonly args: JsonText;
}

/** A JSON-RPC error as an HTTP response; for requests of which no id is known. */
export function rpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status });
}

/** The message of a request, or the response that refuses it. */
export async function readMessage(request: Request): Promise<ReadMessage | Response> {
  let bytes: Uint8Array;
  try {
    bytes = await readBody(request, MAX_CALL_BYTES);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return rpcError(error.status, ProtocolErrorCode.InvalidRequest, error.message);
  }
  try {
    const params = readObject(bytes).get("params") ?? "null";
    const args = params.startsWith("{") ? readObjectText(params).get("arguments") : undefined;
    return {
      body: JSON.parse(new TextDecoder().decode(bytes)),
      args: args?.startsWith("{") ? args : "{}",
    };
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    const code = isJson(bytes) ? ProtocolErrorCode.InvalidRequest : ProtocolErrorCode.ParseError;
    return rpcError(400, code, `the body is not one JSON-RPC message: ${error.message}`);
  }
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return true;
  } catch { // says all there is to know
    return false;
  }
}
