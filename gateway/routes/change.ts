/** What anybody may do with an envelope that is there: cancel it, try it again. */

import type { Context } from "hono";
import { type CancelContext, cancelTree } from "../cancellation.ts";
import { type NotRetryable, retryOf } from "../envelopes/retry.ts";
import { viewEnvelope } from "../envelopes/view.ts";
import type { Routes } from "../http/methods.ts";
import { GatewayError } from "../http/problem.ts";
import type { Waits } from "../waits.ts";
import { WAITED } from "./calls.ts";
import { unknownEnvelope } from "./envelopes.ts";

const REFUSALS: Readonly<Record<NotRetryable, readonly [code: string, message: string]>> = {
  "not failed": ["envelope_not_failed", "only a failed or cancelled envelope can be tried again"],
  "no payload": [
    "payload_unknown",
    "nobody told the gateway what this child was given; retry the envelope it was split off",
  ],
};

async function cancel(c: Context, context: CancelContext): Promise<Response> {
  const id = c.req.param("id")!;
  const outcome = await cancelTree(context, id);
  if (outcome === undefined) throw unknownEnvelope(id);
  const { state } = outcome.record;
  if (outcome.changed) return c.json({ id, status: state });
  const message = `the envelope is ${state} already; nothing was altered`;
  throw new GatewayError(409, "envelope_final", message);
}

async function retry(c: Context, context: CancelContext, waits: Waits): Promise<Response> {
  const { store, publisher, now } = context;
  const old = c.req.param("id")!;
  const found = await store.get(old);
  if (found === undefined) throw unknownEnvelope(old);
  const id = crypto.randomUUID();
  const made = retryOf(found, { id, now: now(), publishAfter: publisher.claim() });
  if (typeof made === "string") throw new GatewayError(409, ...REFUSALS[made]);
  await store.create({ record: made.record }, made.payload);
  publisher.add(made);
  const url = `/envelopes/${id}`;
  const ended = await waits.forEnd(id, c.req.raw);
  if (ended !== undefined) {
    return c.body(viewEnvelope(ended), 200, { ...WAITED, "content-location": url });
  }
  const answer = {
    envelope_id: id,
    retry_of: old,
    from_actor: made.record.actors[made.record.current],
    status_url: url,
    stream_url: `${url}/stream`,
  };
  return c.json(answer, 202, { location: url });
}

/** The routes. */
export function changeRoutes(context: CancelContext, waits: Waits): Routes {
  return {
    "/envelopes/:id": { DELETE: (c) => cancel(c, context) },
    "/envelopes/:id/retry": { POST: (c) => retry(c, context, waits) },
  };
}
