/** The methods `tasks/...`, of 2025-11-25 and of the extension of 2026-07-28. */

import {
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { cancelTree } from "../cancellation.ts";
import { type EnvelopeRecord, isFinal } from "../envelopes/record.ts";
import { declaresTasks, tasksMissing } from "./capability.ts";
import type { Exchange } from "./server.ts";
import { callResult, newTask2026, task2025, task2026 } from "./task.ts";
import { waitForEnd } from "./wait.ts";

/** Tasks on a page of a list. */
const PAGE = 100;
/** Joins a result of 2025-11-25 to its task. */
const RELATED_TASK = "io.modelcontextprotocol/related-task";

const oneTask = { params: z.looseObject({ taskId: z.string() }) };
const manyTasks = { params: z.looseObject({ cursor: z.string().optional() }) };

function unknownTask(id: string): ProtocolError {
  const message = `there is no task ${JSON.stringify(id.slice(0, 256))}`;
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message);
}

/** Adds the methods of 2025-11-25. */
export function addTasks2025(server: Server, { context, ends }: Exchange): void {
  const { store } = context;
  const find = async (id: string): Promise<EnvelopeRecord> => {
    const record = await store.head(id);
    if (record === undefined) throw unknownTask(id);
    return record;
  };

  server.setRequestHandler(
    "tasks/get",
    oneTask,
    async ({ taskId }): Promise<Result> => ({ ...task2025(await find(taskId)) }),
  );

  server.setRequestHandler("tasks/result", oneTask, async ({ taskId: id }): Promise<Result> => {
    const { timeoutSeconds = 0 } = await find(id);
    const found = await waitForEnd({ store, id, timeoutSeconds, signal: ends });
    if (found === undefined) {
      const message = `task ${id} goes on, but this request ends: ask again`;
      throw new ProtocolError(ProtocolErrorCode.InternalError, message);
    }
    const result = callResult(found);
    return { ...result, _meta: { ...result._meta, [RELATED_TASK]: { taskId: id } } };
  });

  server.setRequestHandler("tasks/cancel", oneTask, async ({ taskId }): Promise<Result> => {
    const outcome = await cancelTree(context, taskId);
    if (outcome === undefined) throw unknownTask(taskId);
    if (!outcome.changed) {
      const message = `task ${taskId} is ${outcome.record.state} already`;
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
    }
    return { ...task2025(outcome.record) };
  });

  server.setRequestHandler("tasks/list", manyTasks, async ({ cursor }): Promise<Result> => {
    const behind = cursor === undefined ? undefined : await store.head(cursor);
    if (cursor !== undefined && behind === undefined) {
      const message = "the cursor is not one of a page before, or too old: begin anew without";
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
    }
    const page = await store.list({ limit: PAGE, ...behind ? { behind } : {} });
    return {
      // Children are work that a call split off, not what somebody called.
      tasks: page.filter(({ tool }) => tool !== undefined).map(task2025),
      ...page.length === PAGE ? { nextCursor: page.at(-1)!.id } : {},
    };
  });
}

/** Adds the methods of 2026-07-28; its acknowledgements are empty. */
export function addTasks2026(server: Server, { context }: Exchange): void {
  const serve = (
    method: string,
    answer: (taskId: string) => Promise<Result | undefined>,
  ) =>
    server.setRequestHandler(method, oneTask, async ({ taskId }, ctx: ServerContext) => {
      if (!declaresTasks(ctx)) throw tasksMissing();
      const result = await answer(taskId);
      if (result === undefined) throw unknownTask(taskId);
      return result;
    });

  serve("tasks/get", async (id) => {
    const record = await context.store.head(id);
    // Most who ask find it open, and its bodies may be large.
    if (record && !isFinal(record.state)) return { ...newTask2026(record) };
    const found = record && await context.store.get(id);
    return found && { ...task2026(found) };
  });
  serve("tasks/cancel", async (id) => await cancelTree(context, id) && {});
  // Answers to questions that no task of ours asks: to be ignored, says the extension.
  serve("tasks/update", async (id) => await context.store.head(id) && {});
}
