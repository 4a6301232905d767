/** A call of a tool becomes an envelope. The same for HTTP and MCP. */

import type { JsonText } from "@asya/envelope";
import { newCall } from "./envelopes/create.ts";
import { jsonText, parseExact, writeObject } from "./json.ts";
import type { Publisher } from "./publisher.ts";
import type { Store } from "./store/store.ts";
import { checkArguments } from "./tools/arguments.ts";
import type { Tool, ToolSet } from "./tools/tool.ts";

/** What calling needs. */
export interface CallContext {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly tools: () => ToolSet;
  readonly now: () => number;
}

/** What became of a call. */
export type CallOutcome =
  | { readonly kind: "created"; readonly id: string; readonly tool: Tool }
  | { readonly kind: "refused"; readonly problems: readonly string[] }
  | { readonly kind: "unknown tool" };

/**
 * Checks the arguments, stores the envelope, has it published.
 *
 * @param args the JSON object as the client wrote it, within the bounds of depth; every number
 * arrives at the first actor with the same digits
 * @throws StoreUnavailable
 */
export async function callTool(
  { store, publisher, tools, now }: CallContext,
  name: string,
  args: JsonText,
): Promise<CallOutcome> {
  const tool = tools().get(name);
  if (tool === undefined) return { kind: "unknown tool" };
  const checked = checkArguments(tool.parameters, parseExact(args) as Record<string, unknown>);
  if (checked.problems.length > 0) return { kind: "refused", problems: checked.problems };
  const id = crypto.randomUUID();
  const record = newCall({
    id,
    actors: tool.route,
    timeoutSeconds: tool.timeout,
    now: now(),
    publishAfter: publisher.claim(),
  });
  const payload = JSON.stringify(checked.value);
  await store.create({ record }, payload);
  publisher.add({ record, payload });
  return { kind: "created", id, tool };
}

/** What a caller is told at once: where to look. */
export function createdText(id: string, tool: Tool): JsonText {
  const url = `/envelopes/${id}`;
  return writeObject({
    envelope_id: jsonText(id),
    message: jsonText("Envelope created successfully"),
    metadata: tool.metadata,
    status_url: jsonText(url),
    stream_url: tool.progress ? jsonText(`${url}/stream`) : undefined,
  });
}
