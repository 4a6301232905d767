/** `tools/list` and `tools/call`. */

import {
  type CallToolResult,
  type JSONRPCRequest,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  type ServerContext,
  type Tool as McpTool,
} from "@modelcontextprotocol/server";
import { callTool, createdText } from "../calls.ts";
import { parametersSchema } from "../tools/json_schema.ts";
import type { Tool, ToolSet } from "../tools/tool.ts";
import { declaresTasks } from "./capability.ts";
import type { Exchange } from "./server.ts";
import { callResult, newTask2026, task2025 } from "./task.ts";
import { ProgressNotes, waitForEnd } from "./wait.ts";

/** The defaults of MCP, said aloud: an actor may do anything. */
const ANNOTATIONS = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  openWorldHint: true,
};

/** The tools as clients see them. `execution` is for 2025-11-25; the SDK takes it out for 2026. */
export function listTools(tools: ToolSet): McpTool[] {
  return Array.from(tools.values(), ({ name, description, parameters, examples }) => ({
    name,
    description,
    inputSchema: { ...parametersSchema(parameters), ...examples ? { examples } : {} } as never,
    annotations: ANNOTATIONS,
    execution: { taskSupport: "optional" as const },
  }));
}

/** How a call is answered: with its result, as a task, or at once with where to look. */
export type Answer = "result" | "task" | "place";

/**
 * Decides by what the client can take. In 2025-11-25 a client asks for a task; in 2026-07-28 it says
 * that it takes tasks, and the server decides. A task has no progress notifications, so a client
 * that wants those is answered with the result.
 */
export function chooseAnswer(
  o: { readonly asksTask: boolean; readonly takesTasks: boolean; readonly wantsProgress: boolean },
): Answer {
  if (o.asksTask) return "task";
  if (o.wantsProgress) return "result";
  return o.takesTasks ? "task" : "place";
}

function textResult(text: string, isError = false): CallToolResult {
  return { content: [{ type: "text", text }], ...isError ? { isError } : {} };
}

/**
 * Answers `tools/call`.
 *
 * @throws ProtocolError invalid params: no such tool, or arguments that no task can be made of
 */
export async function answerCall(
  exchange: Exchange,
  { params }: JSONRPCRequest,
  ctx: ServerContext,
): Promise<Result> {
  const { context, incoming, era } = exchange;
  const name = params?.name;
  const asksTask = era === "legacy" && typeof params?.task === "object" && params.task !== null;
  const outcome = typeof name === "string"
    ? await callTool(context, name, incoming.args)
    : { kind: "unknown tool" as const };
  if (outcome.kind === "unknown tool") {
    const message = `there is no tool ${JSON.stringify(name)}`;
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
  }
  if (outcome.kind === "refused") {
    const text = outcome.problems.join("; ");
    if (asksTask) throw new ProtocolError(ProtocolErrorCode.InvalidParams, text);
    return textResult(text, true);
  }
  const { id, tool } = outcome;
  const token = ctx.mcpReq._meta?.progressToken;
  const takesTasks = era === "modern" && declaresTasks(ctx);
  switch (chooseAnswer({ asksTask, takesTasks, wantsProgress: token !== undefined })) {
    case "task":
      return await taskResult(exchange, id);
    case "result":
      return await waitWithProgress(exchange, id, tool, new ProgressNotes(ctx, token!));
    case "place":
      return textResult(createdText(id, tool));
  }
}

async function taskResult({ context, era }: Exchange, id: string): Promise<Result> {
  const record = await context.store.head(id);
  if (record === undefined) {
    throw new ProtocolError(ProtocolErrorCode.InternalError, `the store has lost envelope ${id}`);
  }
  return era === "modern"
    ? { resultType: "task", ...newTask2026(record) }
    : { task: task2025(record) };
}

/** When the gateway stops or the time is over, the answer is where to look; the envelope goes on. */
async function waitWithProgress(
  { context, ends }: Exchange,
  id: string,
  tool: Tool,
  notes: ProgressNotes,
): Promise<Result> {
  await notes.send(0); // opens the stream, so that a client that leaves is noticed
  const found = await waitForEnd({
    store: context.store,
    id,
    timeoutSeconds: tool.timeout,
    signal: ends,
    ...tool.progress ? { onUpdate: (update) => notes.sendUpdate(update) } : {},
  });
  return found ? callResult(found) : textResult(createdText(id, tool));
}
