/** A call of a tool becomes an envelope. The same for HTTP, MCP and hooks. */

import { createHash } from "node:crypto";
import type { JsonText } from "@asya/envelope";
import { ANYBODY, type Caller, requireTool } from "./auth/caller.ts";
import { newCall } from "./envelopes/create.ts";
import type { EnvelopeRecord } from "./envelopes/record.ts";
import { GatewayError } from "./http/problem.ts";
import { jsonText, parseExact, writeObject } from "./json.ts";
import type { OnCall } from "./observe/audit.ts";
import type { Trace } from "./observe/trace.ts";
import type { Publisher } from "./publisher.ts";
import { KEY_MS, type Store, StoreUnavailable } from "./store/store.ts";
import { checkArguments } from "./tools/arguments.ts";
import type { Tool, ToolSet } from "./tools/tool.ts";

/** What calling needs. */
export interface CallContext {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly tools: () => ToolSet;
  readonly now: () => number;
  /** Who calls; absent: anybody. */
  readonly caller?: Caller;
  /** The trace that the envelope belongs to. */
  readonly trace?: Trace;
  /** Is told of every call. */
  readonly onCall?: OnCall;
}

/** How a call is made. */
export interface CallOptions {
  /** Calls of one caller with the same key within 24 hours are one call. */
  readonly idempotencyKey?: string | undefined;
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
 * @throws StoreUnavailable; GatewayError 403 `scope_insufficient`, 422 `idempotency_key_reused`
 */
export async function callTool(
  context: CallContext,
  name: string,
  args: JsonText,
  options: CallOptions = {},
): Promise<CallOutcome> {
  return await told(context, name, () => checkedCall(context, name, args, options));
}

/**
 * For who has to refuse before the call is made: whether the caller may make it.
 *
 * @throws GatewayError 403 `scope_insufficient`, and `onCall` is told
 */
export function checkScope({ caller = ANYBODY, tools, onCall }: CallContext, tool: string): void {
  try {
    requireTool(caller, tool);
  } catch (error) {
    const outcome = error instanceof GatewayError ? error.code : "failed";
    onCall?.({ caller, tool, known: tools().has(tool), outcome, ms: 0 });
    throw error;
  }
}

/** Has `onCall` told how a call went, whatever becomes of it. */
async function told<T extends CallOutcome>(
  { caller = ANYBODY, tools, onCall }: Pick<CallContext, "caller" | "tools" | "onCall">,
  tool: string,
  call: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  const known = tools().has(tool);
  let id: string | undefined;
  let outcome = "failed";
  try {
    const made = await call();
    outcome = made.kind;
    if (made.kind === "created") id = made.id;
    return made;
  } catch (error) {
    if (error instanceof GatewayError || error instanceof StoreUnavailable) outcome = error.code;
    throw error;
  } finally {
    const ms = performance.now() - began;
    onCall?.({ caller, tool, known, outcome, ms, ...id === undefined ? {} : { id } });
  }
}

async function checkedCall(
  context: CallContext,
  name: string,
  args: JsonText,
  options: CallOptions,
): Promise<CallOutcome> {
  requireTool(context.caller ?? ANYBODY, name);
  const tool = context.tools().get(name);
  if (tool === undefined) return { kind: "unknown tool" };
  const checked = checkArguments(tool.parameters, parseExact(args) as Record<string, unknown>);
  if (checked.problems.length > 0) return { kind: "refused", problems: checked.problems };
  return await create(context, tool, {
    payload: JSON.stringify(checked.value),
    asked: args,
    ...options,
  });
}

/**
 * Stores the envelope of a call whose arguments nobody checks, and has it published.
 *
 * @param o.payload what the first actor is given
 * @param o.asked the call as it was made: with the same key it must be the same
 * @throws StoreUnavailable; GatewayError 422 `idempotency_key_reused`
 */
export async function startCall(
  context: CallContext,
  tool: Tool,
  o: NewEnvelope,
): Promise<Created> {
  return await told(context, tool.name, () => create(context, tool, o));
}

type Created = CallOutcome & { readonly kind: "created" };
type NewEnvelope = CallOptions & { readonly payload: JsonText; readonly asked: string };

async function create(
  { store, publisher, now, caller = ANYBODY, trace }: CallContext,
  tool: Tool,
  o: NewEnvelope,
): Promise<Created> {
  const record = newCall({
    id: crypto.randomUUID(),
    actors: tool.route,
    tool: tool.name,
    timeoutSeconds: tool.timeout,
    now: now(),
    publishAfter: publisher.claim(),
    ...trace === undefined ? {} : { headers: JSON.stringify(trace) },
  });
  const { payload, idempotencyKey } = o;
  if (idempotencyKey === undefined) {
    await store.create({ record }, payload);
  } else {
    const key = `${caller.name}\0${idempotencyKey}`;
    const fingerprint = digest(`${tool.name}\0${o.asked}`);
    const id = await createOnce(store, record, { payload, key, fingerprint });
    if (id !== record.id) return { kind: "created", id, tool };
  }
  publisher.add({ record, payload });
  return { kind: "created", id: record.id, tool };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The id of the envelope that has the key: the record's, or that of the call before. */
async function createOnce(
  store: Store,
  record: EnvelopeRecord,
  o: { readonly payload: JsonText; readonly key: string; readonly fingerprint: string },
): Promise<string> {
  const { payload, fingerprint } = o;
  const once = { key: digest(o.key), fingerprint, freeBefore: record.createdAt - KEY_MS };
  const holder = await store.createOnce({ record }, payload, once);
  if (holder.fingerprint === fingerprint) return holder.id;
  const message = "this idempotency key was used for another call; take a new one for a new call";
  throw new GatewayError(422, "idempotency_key_reused", message);
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
