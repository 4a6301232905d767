/** The queues of a virtual host by RabbitMQ's management API, which knows messages in flight. */

import { Buffer } from "node:buffer";
import { TransportUnavailable } from "../queue.ts";
import type { Depth } from "../queue.ts";

/** Where the API is and who asks. */
export interface ManagementOptions {
  readonly url: string;
  readonly vhost: string;
  readonly username: string;
  readonly password: string;
  /** PEM texts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const TIMEOUT_MS = 10_000;

interface Row {
  readonly name: string;
  readonly messages_ready?: number;
  readonly messages_unacknowledged?: number;
}

/** Counts of every queue of the virtual host, by name. @throws TransportUnavailable */
export async function managementDepths(o: ManagementOptions): Promise<Map<string, Depth>> {
  const base = o.url.replace(/\/+$/, "");
  const columns = "columns=name,messages_ready,messages_unacknowledged";
  const credentials = Buffer.from(`${o.username}:${o.password}`).toString("base64");
  const { ca, cert, key } = o;
  using client = Deno.createHttpClient({
    ...ca === undefined ? {} : { caCerts: [ca] },
    ...cert === undefined || key === undefined ? {} : { cert, key },
  });
  const response = await fetch(`${base}/api/queues/${encodeURIComponent(o.vhost)}?${columns}`, {
    headers: { authorization: `Basic ${credentials}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    client,
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new TransportUnavailable(
      `the management API at ${base} answers ${response.status}; its user needs the tag management`,
    );
  }
  const rows = await response.json() as readonly Row[];
  return new Map(rows.map(({ name, messages_ready: ready = 0, messages_unacknowledged }) => [
    name,
    { ready, inFlight: messages_unacknowledged ?? 0 },
  ]));
}
