/**
 * An envelope as a task of MCP, which both revisions have in their own form: 2025-11-25 in its core,
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks, and 2026-07-28 as
 * the extension of SEP-2663. The task's id is the envelope's: every gateway on the same store
 * answers for every task, and a task outlives them all.
 */

import type { TaskV1 } from "@modelcontextprotocol/ext-tasks/core/v1";
import type { DetailedTaskV2, TaskV2 } from "@modelcontextprotocol/ext-tasks/core/v2";
import { type CallToolResult, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { endedText } from "../answers.ts";
import { type EnvelopeRecord, isFinal, type State, timestamp } from "../envelopes/record.ts";
import type { StoredEnvelope } from "../envelopes/view.ts";
import { parseExact } from "../json.ts";

/** The extension's name in the capabilities of 2026-07-28. */
export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";
/** How often a client should ask, in milliseconds. */
const POLL_MS = 1_000;

/** `input_required` never: a pipeline asks its caller for nothing. */
const STATUSES: Readonly<Record<State, TaskV1["status"]>> = {
  pending: "working",
  running: "working",
  paused: "working",
  succeeded: "completed",
  failed: "failed",
  cancelled: "cancelled",
};

function statusMessage({ state, message, error }: EnvelopeRecord): string | undefined {
  if (isFinal(state)) return error;
  return state === "paused" ? "paused" : message;
}

function common(record: EnvelopeRecord) {
  const message = statusMessage(record);
  return {
    taskId: record.id,
    status: STATUSES[record.state],
    ...message === undefined ? {} : { statusMessage: message },
    createdAt: timestamp(record.createdAt),
    lastUpdatedAt: timestamp(record.updatedAt),
  };
}

/** The result of a call that has ended; numbers keep their digits when it is written. */
export function callResult(found: StoredEnvelope): CallToolResult {
  return parseExact(endedText(found)) as CallToolResult;
}

/** A task of 2025-11-25. Kept without limit. */
export function task2025(record: EnvelopeRecord): TaskV1 {
  return { ...common(record), ttl: null, pollInterval: POLL_MS };
}

/** A new task of 2026-07-28. Kept without limit. */
export function newTask2026(record: EnvelopeRecord): TaskV2 {
  return { ...common(record), ttlMs: null, pollIntervalMs: POLL_MS };
}

/**
 * A task of 2026-07-28 with what it ended with. There `failed` is for what would have been an error
 * of the protocol: an actor that ran and failed has `completed` with `isError`, and `failed` is a
 * call that the system did not bring to its end, as `deadline_exceeded` or `route_error`.
 */
export function task2026(found: StoredEnvelope): DetailedTaskV2 {
  const { record } = found;
  const task = newTask2026(record);
  if (record.state === "succeeded" || record.error === "processing_error") {
    const result = { resultType: "complete", ...callResult(found) };
    return { ...task, status: "completed", result: result as never };
  }
  if (record.state === "failed") {
    const [content] = callResult(found).content;
    const message = content?.type === "text" ? content.text : "failed";
    const data = record.error === undefined ? {} : { data: { code: record.error } };
    return {
      ...task,
      status: "failed",
      error: { code: ProtocolErrorCode.InternalError, message, ...data },
    };
  }
  return { ...task, status: record.state === "cancelled" ? "cancelled" : "working" };
}
