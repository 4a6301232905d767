/** What anybody may ask about an envelope: how it stands, whether it is open, what happens. */

import type { Context } from "hono";
import { isFinal } from "../envelopes/record.ts";
import { viewEnvelope } from "../envelopes/view.ts";
import { follow } from "../follow.ts";
import { eventStream, formatComment, formatEvent } from "../http/event_stream.ts";
import type { Routes } from "../http/methods.ts";
import { GatewayError } from "../http/problem.ts";
import type { Store, StoredUpdate } from "../store/store.ts";

const KEEPALIVE_MS = 15_000;
/** A client that takes nothing for so long is dropped; it can come back with Last-Event-ID. */
const STALL_MS = 60_000;

/** What the routes need. */
export interface EnvelopeRoutes {
  readonly store: Store;
  /** Aborts when the gateway stops: streams end. */
  readonly stopping: AbortSignal;
}

/** The error for an id that nobody made. */
export function unknownEnvelope(id: string): GatewayError {
  const message = `there is no envelope ${JSON.stringify(id.slice(0, 256))}`;
  return new GatewayError(404, "envelope_unknown", message);
}

function eventOf({ kind, seq, data, result }: StoredUpdate): string {
  const whole = result === undefined ? data : `${data.slice(0, -1)},"result":${result}}`;
  return formatEvent(kind, seq, whole);
}

/** An envelope's events as text, one chunk a page; comments where nothing happens. */
export async function* envelopeEvents(
  store: Store,
  id: string,
  o: { readonly after: number; readonly signal: AbortSignal; readonly keepaliveMs: number },
): AsyncGenerator<string> {
  for await (const page of follow(store, id, { ...o, idleMs: o.keepaliveMs })) {
    yield page.length === 0 ? formatComment("keepalive") : page.map(eventOf).join("");
  }
}

/** The number after which a client wants to hear more. */
function lastEventId(header: string | undefined): number {
  return header !== undefined && /^[0-9]{1,15}$/.test(header) ? Number(header) : 0;
}

async function stream(c: Context, { store, stopping }: EnvelopeRoutes): Promise<Response> {
  const id = c.req.param("id")!;
  const record = await store.head(id);
  if (record === undefined) throw unknownEnvelope(id);
  const after = lastEventId(c.req.header("last-event-id"));
  if (after > 0 && isFinal(record.state) && (await store.updates(id, after, 1)).length === 0) {
    return c.body(null, 204); // tells a browser's EventSource to stop coming back
  }
  const ended = new AbortController();
  const signal = AbortSignal.any([stopping, ended.signal]);
  const events = envelopeEvents(store, id, { after, signal, keepaliveMs: KEEPALIVE_MS });
  return eventStream(events, { stallMs: STALL_MS, onEnd: () => ended.abort() });
}

/** The routes. */
export function envelopeRoutes(o: EnvelopeRoutes): Routes {
  const { store } = o;
  return {
    "/envelopes/": {
      GET: () => {
        throw new GatewayError(400, "id_missing", "the envelope's id is missing in the path");
      },
    },
    "/envelopes/:id": {
      GET: async (c) => {
        const id = c.req.param("id")!;
        const found = await store.get(id);
        if (found === undefined) throw unknownEnvelope(id);
        return c.body(viewEnvelope(found), 200, { "content-type": "application/json" });
      },
    },
    "/envelopes/:id/active": {
      GET: async (c) => {
        const record = await store.head(c.req.param("id")!);
        const active = record !== undefined && !isFinal(record.state);
        return c.json({ active }, active ? 200 : 410);
      },
    },
    "/envelopes/:id/stream": { GET: (c) => stream(c, o) },
  };
}
