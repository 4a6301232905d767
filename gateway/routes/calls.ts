/** `/tools`: what can be called, and the short way to call it, without MCP. */

import { EnvelopeError } from "@asya/envelope";
import type { Context } from "hono";
import { endedText } from "../answers.ts";
import { forRequest } from "../auth/for_request.ts";
import { type CallContext, callTool, createdText } from "../calls.ts";
import { MAX_CALL_BYTES, readBody } from "../http/body.ts";
import { idempotencyKey } from "../http/idempotency.ts";
import type { Routes } from "../http/methods.ts";
import { GatewayError } from "../http/problem.ts";
import { jsonText, readObject, writeObject } from "../json.ts";
import { parametersSchema } from "../tools/json_schema.ts";
import type { Tool } from "../tools/tool.ts";
import type { Waits } from "../waits.ts";

/** Who calls what; the arguments stay text. */
function readCall(body: Uint8Array): { name: string; args: string } {
  const members = readObject(body);
  const name: unknown = JSON.parse(members.get("name") ?? "null");
  if (typeof name !== "string" || name === "") {
    throw new EnvelopeError("msg_parsing_error", "name is missing: the name of the tool to call");
  }
  const args = members.get("arguments") ?? "null";
  if (args === "null") return { name, args: "{}" };
  if (args.startsWith("{")) return { name, args };
  throw new EnvelopeError("msg_parsing_error", "arguments must be an object");
}

/** The error for a tool that nobody offers. */
export function unknownTool(name: string): GatewayError {
  const message = `there is no tool ${JSON.stringify(name.slice(0, 200))}`;
  return new GatewayError(404, "tool_unknown", message);
}

const JSON_TYPE = { "content-type": "application/json" };

/** Says that the client's wish to wait was granted. */
export const WAITED = { ...JSON_TYPE, "preference-applied": "wait" };

async function call(c: Context, context: CallContext, waits: Waits): Promise<Response> {
  const { name, args } = readCall(await readBody(c.req.raw, MAX_CALL_BYTES));
  const key = idempotencyKey(c.req.header("idempotency-key"));
  const outcome = await callTool(forRequest(context, c.req.raw), name, args, {
    idempotencyKey: key,
  });
  if (outcome.kind === "unknown tool") throw unknownTool(name);
  if (outcome.kind === "refused") {
    const text = outcome.problems.join("; ");
    return c.json({ content: [{ type: "text", text }], isError: true });
  }
  const { id, tool } = outcome;
  const ended = await waits.forEnd(id, c.req.raw);
  if (ended !== undefined) return c.body(endedText(ended), 200, WAITED);
  return c.json({ content: [{ type: "text", text: createdText(id, tool) }] });
}

function describeTool(tool: Tool): string {
  const { name, description, parameters, route, progress, timeout, examples, metadata } = tool;
  return writeObject({
    name: jsonText(name),
    description: jsonText(description),
    input_schema: jsonText(parametersSchema(parameters)),
    examples: jsonText(examples),
    route: jsonText(route),
    progress: jsonText(progress),
    timeout_seconds: timeout === 0 ? undefined : jsonText(timeout),
    hook_url: tool.hook && jsonText(`/hooks/${name}`),
    metadata,
  });
}

/** The routes. */
export function callRoutes(context: CallContext, waits: Waits): Routes {
  return {
    "/tools": {
      GET: (c) => {
        const list = Array.from(forRequest(context, c.req.raw).tools().values(), describeTool);
        return c.body(`{"tools":[${list.join(",")}]}`, 200, JSON_TYPE);
      },
    },
    "/tools/call": { POST: (c) => call(c, context, waits) },
  };
}
