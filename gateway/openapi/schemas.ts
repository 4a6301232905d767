/** The bodies of requests and responses, for the OpenAPI document and for tests of real responses. */

import { z } from "zod";
import { FINAL_STATES, OPEN_STATES } from "../envelopes/record.ts";
import { childSchema, finalSchema, progressSchema } from "../reports.ts";

const anyJson = z.unknown();
const id = z.string().min(1);
const path = z.string().startsWith("/");
const time = z.iso.datetime();
const count = z.int().min(0);
const state = z.enum([...OPEN_STATES, ...FINAL_STATES]);
const anyObject = z.record(z.string(), anyJson);

/** Problem details, RFC 9457. */
export const problem = z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string(),
  code: z.string().describe("stable, for programs"),
});

/** An envelope in a list. */
export const listed = z.object({
  id,
  parent_id: id.optional(),
  parent_actor_idx: count.optional(),
  parent_actor_name: z.string().optional(),
  tool: z.string().optional(),
  status: state,
  route: z.object({ actors: z.array(z.string()), current: count, metadata: anyObject.optional() }),
  headers: anyObject.optional(),
  error: z.string().optional(),
  timeout_seconds: z.number().optional(),
  deadline: time.optional(),
  progress_percent: z.number().min(0).max(100),
  current_actor_idx: count,
  current_actor_name: z.string().optional(),
  message: z.string().optional(),
  actors_completed: count,
  total_actors: count,
  created_at: time,
  updated_at: time,
});

/** An envelope with its bodies. */
export const envelope = listed.extend({ payload: anyJson, result: anyJson.optional() });

/** A page of envelopes. */
export const envelopeList = z.object({
  envelopes: z.array(listed),
  next_cursor: z.string().optional().describe("absent on the last page"),
});

/** What can be called. */
export const toolList = z.object({
  tools: z.array(z.object({
    name: z.string(),
    description: z.string(),
    input_schema: anyObject,
    examples: z.array(anyObject).optional(),
    route: z.array(z.string()).min(1),
    progress: z.boolean(),
    timeout_seconds: z.number().optional(),
    hook_url: path.optional(),
    metadata: anyObject.optional(),
  })),
});

/** A call of a tool. */
export const call = z.object({ name: z.string().min(1), arguments: anyObject.nullish() });

/** An answer in the form of an MCP result. */
export const callAnswer = z.object({
  content: z.array(z.object({ type: z.literal("text"), text: z.string() })),
  structuredContent: anyObject.optional(),
  isError: z.literal(true).optional(),
  _meta: z.object({ envelope_id: id, status_url: path }).optional(),
});

/** Where to look for what a hook started. */
export const hookAnswer = z.object({ envelope_id: id, status_url: path });

/** Where to look for what a retry started. */
export const retryAnswer = hookAnswer.extend({
  retry_of: id,
  from_actor: z.string(),
  stream_url: path,
});

/** An envelope that was cancelled. */
export const cancelAnswer = z.object({ id, status: z.literal("cancelled") });

/** Whether an envelope is open. */
export const activeAnswer = z.object({ active: z.boolean() });

/** Whether the gateway can be given requests. */
export const readyAnswer = z.object({
  ready: z.boolean(),
  store: z.enum(["ok", "away"]),
  publisher: z.object({ waiting: count, full: z.boolean() }),
  tools: z.object({ count, problems: z.array(z.string()) }),
});

/** A progress report. */
export const progress = progressSchema;
/** A final report. */
export const final = finalSchema.extend({
  result: anyJson.optional(),
  error_details: anyJson.optional(),
  original_payload: anyJson.optional().describe("what the actor that failed was given"),
});
/** A child's registration. */
export const child = childSchema;

/** The answer to a progress report. */
export const progressAnswer = z.object({ status: z.literal("ok"), progress_percent: z.number() });
/** The answer to a final report. */
export const finalAnswer = z.object({ status: z.literal("ok") });
/** The answer to a child's registration. */
export const childAnswer = z.object({ id, status: z.literal("created") });

/** Many reports. */
export const reportBatch = z.object({ reports: z.array(anyObject).max(1_000) });
/** The answer to many reports. */
export const reportAnswer = z.object({
  cancelled: z.array(z.string()),
  unknown: z.array(z.string()),
  refused: z.array(z.object({ index: count, reason: z.string() })),
});
