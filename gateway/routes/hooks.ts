/** `POST /hooks/{tool}`: other systems call a tool by their own signed requests. */

import type { Logger } from "@asya/telemetry";
import type { Context } from "hono";
import { forRequest } from "../auth/for_request.ts";
import { type CallContext, callTool, startCall } from "../calls.ts";
import { isJson, jsonPayload, wrappedPayload } from "../hooks/payload.ts";
import { HookSecretMissing, readSecret } from "../hooks/secret.ts";
import { isSigned } from "../hooks/signature.ts";
import { MAX_CALL_BYTES, readBody } from "../http/body.ts";
import { idempotencyKey } from "../http/idempotency.ts";
import type { Routes } from "../http/methods.ts";
import { GatewayError } from "../http/problem.ts";
import type { Hook, Tool } from "../tools/tool.ts";

/** What the route needs. */
export interface HookContext extends CallContext {
  readonly log: Logger;
}

/** A tool without a hook has none to be found: who asks learns nothing about other tools. */
function withHook(context: HookContext, name: string): Tool & { readonly hook: Hook } {
  const tool = context.tools().get(name);
  if (tool?.hook !== undefined) return { ...tool, hook: tool.hook };
  const message = `there is no hook ${JSON.stringify(name.slice(0, 200))}`;
  throw new GatewayError(404, "hook_unknown", message);
}

async function secretOf({ hook, name }: Tool & { readonly hook: Hook }, log: Logger) {
  try {
    return await readSecret(hook.secret);
  } catch (error) {
    if (!(error instanceof HookSecretMissing)) throw error;
    log.error("a hook cannot be served", { tool: name, error });
    const message = "this hook is not ready; the gateway's log says why";
    throw new GatewayError(503, error.code, message, { "retry-after": "30" }, { cause: error });
  }
}

/**
 * Starts the call. JSON goes to the tool as its arguments, checked where the tool declares any;
 * anything else goes to it as it came, wrapped.
 */
async function start(c: Context, context: HookContext, tool: Tool, body: Uint8Array<ArrayBuffer>) {
  const key = idempotencyKey(c.req.header("idempotency-key"));
  const options = key === undefined ? {} : { idempotencyKey: `hook ${key}` };
  if (!isJson(c.req.header("content-type") ?? "")) {
    const payload = wrappedPayload(body, c.req.raw.headers);
    return await startCall(context, tool, { payload, asked: payload, ...options });
  }
  const payload = jsonPayload(body);
  if (tool.parameters.size === 0) {
    return await startCall(context, tool, { payload, asked: payload, ...options });
  }
  const outcome = await callTool(context, tool.name, payload, options);
  if (outcome.kind === "created") return outcome;
  const problems = outcome.kind === "refused" ? outcome.problems : ["the tool is gone"];
  throw new GatewayError(422, "arguments_invalid", problems.join("; "));
}

/** The route. */
export function hookRoutes(anybody: HookContext): Routes {
  return {
    "/hooks/:tool": {
      POST: async (c) => {
        const context = forRequest(anybody, c.req.raw);
        const tool = withHook(context, c.req.param("tool")!);
        const body = await readBody(c.req.raw, MAX_CALL_BYTES);
        const secret = await secretOf(tool, context.log);
        if (!isSigned(body, secret, c.req.header(tool.hook.header))) {
          const message =
            `${tool.hook.header} must be the body's HMAC-SHA256 with the hook's secret`;
          throw new GatewayError(401, "signature_invalid", message);
        }
        const { id } = await start(c, context, tool, body);
        const url = `/envelopes/${id}`;
        return c.json({ envelope_id: id, status_url: url }, 202, { location: url });
      },
    },
  };
}
