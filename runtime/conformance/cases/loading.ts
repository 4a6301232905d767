/** Connections to a runtime that is not ready yet. */

import { opening, Peer, type Transcript } from "../peer.ts";
import type { Subject } from "../subject.ts";
import { until } from "../wait.ts";

/** Waits for the socket of a process that has just been started, and opens a call connection. */
export async function openLoading(subject: Subject, sent: Transcript): Promise<Peer> {
  const peer = await until(async () => {
    if (!await subject.has("asya-runtime.sock")) return undefined;
    return await Peer.open(subject.socket, sent).catch(() => undefined);
  }, "a socket before the handler is loaded");
  await peer.write(opening("call"));
  return peer;
}
