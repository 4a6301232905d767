/** An envelope from outside: known to the gateway first, so that it can be followed, then on its way. */

import { encodeEnvelope, type Envelope, isActorName } from "@asya/envelope";
import type { Transport } from "@asya/transport";

/** What to send, and through what. */
export interface Sending {
  /** Holds the queues. */
  readonly transport: Transport;
  /** Absent when no gateway runs: the envelope waits on its queue and cannot be traced. */
  readonly gateway?: { readonly url: string; readonly fetch: typeof fetch };
  /** The route, one at least. */
  readonly actors: readonly string[];
  /** JSON text, kept byte for byte. */
  readonly payload: string;
}

/** The envelope cannot be sent; the message says why. */
export class SendError extends Error {
  /** The class, for logs. */
  override readonly name = "SendError";
  /** Stable, for programs. */
  readonly code = "not_sent";
}

async function post(gateway: NonNullable<Sending["gateway"]>, path: string, body: unknown) {
  const response = await gateway.fetch(`${gateway.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.text();
  if (!response.ok) throw new SendError(`the gateway answered ${response.status}: ${answer}`);
}

/**
 * Sends one envelope to the first of `actors`.
 *
 * @returns its id
 * @throws SendError when the payload is no JSON, a name is no actor's, or there is no such queue
 */
export async function sendEnvelope(
  { transport, gateway, actors, payload }: Sending,
): Promise<string> {
  const wrong = actors.find((name) => !isActorName(name));
  if (wrong !== undefined) throw new SendError(`${JSON.stringify(wrong)} is no actor name`);
  const [first] = actors;
  if (first === undefined) throw new SendError("name at least one actor");
  try {
    JSON.parse(payload);
  } catch (cause) {
    throw new SendError(`the payload is no JSON: ${(cause as Error).message}`, { cause });
  }
  const id = crypto.randomUUID();
  const envelope: Envelope = {
    id,
    route: { actors, current: 0, extra: new Map() },
    payload: new TextEncoder().encode(payload),
    extra: new Map(),
  };
  if (gateway) await post(gateway, "/envelopes", { id, actors, current: 0 });
  const queue = transport.queue(first);
  const [sent] = await queue.send([{
    actor: first,
    body: encodeEnvelope(envelope),
    messageId: id,
  }]);
  await queue.close();
  if (sent?.ok) return id;
  const error = sent?.error;
  const message = error?.message ?? "the queue did not answer";
  if (gateway) {
    const failed = { id, status: "failed", error: "route_error", error_details: { message } };
    await post(gateway, `/envelopes/${id}/final`, failed);
  }
  throw new SendError(message, { cause: error });
}
