/** Waiting for an envelope's end on behalf of an MCP client that asked for progress. */

import type { CallToolResult, ServerContext } from "@modelcontextprotocol/server";
import type { JsonText } from "@asya/envelope";
import { createdText } from "../calls.ts";
import type { StoredEnvelope } from "../envelopes/view.ts";
import { follow } from "../follow.ts";
import type { Store, StoredUpdate } from "../store/store.ts";
import type { Tool } from "../tools/tool.ts";

/** How long a tool without a time-out is waited for, in milliseconds. */
const MAX_WAIT_MS = 3_600_000;
const IDLE_MS = 15_000;

/** A result as text for a model: a JSON string without its quotes, anything else as JSON. */
function resultText(json: JsonText | undefined): string {
  if (json === undefined) return "";
  return json.startsWith('"') ? JSON.parse(json) : json;
}

function failureText({ record, result }: StoredEnvelope): string {
  const parsed = result?.startsWith("{") ? JSON.parse(result) : {};
  const message: unknown = parsed.details?.message;
  const error = record.error ?? record.state;
  return typeof message === "string" ? `${error}: ${message}` : error;
}

/** The answer of a call that has ended. */
function endResult(found: StoredEnvelope): CallToolResult {
  const _meta = { envelope_id: found.record.id };
  if (found.record.state === "succeeded") {
    return { content: [{ type: "text", text: resultText(found.result) }], _meta };
  }
  return { content: [{ type: "text", text: failureText(found) }], isError: true, _meta };
}

/** Sends what rises: MCP wants each notification higher than the one before. */
class ProgressNotes {
  #sent = -1;
  constructor(readonly ctx: ServerContext, readonly token: string | number) {}

  async send(progress: number, message: string | undefined): Promise<void> {
    if (progress <= this.#sent) return;
    this.#sent = progress;
    await this.ctx.mcpReq.notify({
      method: "notifications/progress",
      params: {
        progressToken: this.token,
        progress,
        total: 100,
        ...message === undefined ? {} : { message },
      },
    });
  }

  async sendUpdate({ kind, final, data }: StoredUpdate): Promise<void> {
    if (kind !== "update" || final) return;
    const { progress_percent = 0, message } = JSON.parse(data);
    await this.send(progress_percent, message);
  }
}

/**
 * Waits for the end and reports progress on the way. When the client leaves, the gateway stops or
 * the time is over, it answers with where to look; the envelope goes on.
 */
export async function waitForEnd(
  o: {
    readonly store: Store;
    readonly ctx: ServerContext;
    readonly token: string | number;
    readonly id: string;
    readonly tool: Tool;
    /** Aborts when the client has left or the gateway stops. */
    readonly signal: AbortSignal;
  },
): Promise<CallToolResult> {
  const { store, ctx, id, tool } = o;
  const notes = new ProgressNotes(ctx, o.token);
  // A timer of our own: the one of AbortSignal.timeout would outlive the wait.
  const time = new AbortController();
  const timer = setTimeout(
    () => time.abort(),
    Math.min(tool.timeout * 1000 + IDLE_MS, MAX_WAIT_MS) || MAX_WAIT_MS,
  );
  const signal = AbortSignal.any([o.signal, time.signal]);
  try {
    await notes.send(0, undefined); // opens the stream, so that a client that leaves is noticed
    for await (const page of follow(store, id, { after: 0, signal, idleMs: IDLE_MS })) {
      if (tool.progress) { for (const update of page) await notes.sendUpdate(update); }
      if (!page.at(-1)?.final) continue;
      const found = await store.get(id);
      if (found) return endResult(found);
    }
  } finally {
    clearTimeout(timer);
  }
  return { content: [{ type: "text", text: createdText(id, tool) }] };
}
