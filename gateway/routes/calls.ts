/** `POST /tools/call`: the short way to call a tool, without MCP. */

import { EnvelopeError } from "@asya/envelope";
import type { Hono } from "hono";
import { type CallContext, callTool, createdText } from "../calls.ts";
import { MAX_CALL_BYTES, readBody } from "../http/body.ts";
import { addRoute } from "../http/methods.ts";
import { GatewayError } from "../http/problem.ts";
import { readObject } from "../json.ts";

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

/** Adds the route. */
export function addCallRoutes(app: Hono, context: CallContext): void {
  addRoute(app, "/tools/call", {
    POST: async (c) => {
      const { name, args } = readCall(await readBody(c.req.raw, MAX_CALL_BYTES));
      const outcome = await callTool(context, name, args);
      if (outcome.kind === "unknown tool") {
        throw new GatewayError(404, "tool_unknown", `there is no tool ${JSON.stringify(name)}`);
      }
      if (outcome.kind === "refused") {
        return c.json({
          content: [{ type: "text", text: outcome.problems.join("; ") }],
          isError: true,
        });
      }
      return c.json({ content: [{ type: "text", text: createdText(outcome.id, outcome.tool) }] });
    },
  });
}
