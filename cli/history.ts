/** An envelope's history as the gateway tells it, whole: reports may arrive after the end. */

import { setTimeout as pause } from "node:timers/promises";
import { type EnvelopeInfo, GatewayClient } from "./gateway_client.ts";
import { hopLines, isWhole } from "./hops.ts";
import { isFinal, type Update } from "./progress.ts";

/** How often it looks again for reports that have not arrived with the end, and how soon. */
const LOOKS = 20;
const LOOK_MS = 50;

/** What is known of an envelope. */
export interface History {
  readonly envelope: EnvelopeInfo;
  readonly updates: readonly Update[];
  /** Nothing comes after this. */
  readonly ended: boolean;
}

async function* updatesOf(
  gateway: GatewayClient,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Update> {
  for await (const { name, data } of gateway.events(id, signal)) {
    if (name !== "update") continue;
    const update = JSON.parse(data) as Update;
    yield update;
    if (isFinal(update)) return;
  }
}

/**
 * What is known of an envelope now and after each of its updates, to its end; then, for a second at most,
 * waits until every actor of its route has reported.
 *
 * @throws CommandError when the id is unknown
 */
export async function* followHistory(
  gateway: GatewayClient,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<History> {
  let envelope = await gateway.envelope(id);
  let updates: Update[] = [];
  yield { envelope, updates, ended: false };
  for await (const update of updatesOf(gateway, id, signal)) {
    updates.push(update);
    yield { envelope, updates, ended: false };
  }
  envelope = await gateway.envelope(id);
  const finished = updates.some(isFinal);
  for (let look = 0; finished && look < LOOKS && !isWhole(updates, envelope); look++) {
    await pause(LOOK_MS, undefined, { signal });
    updates = await Array.fromAsync(updatesOf(gateway, id, signal));
    envelope = await gateway.envelope(id);
  }
  yield { envelope, updates, ended: true };
}

/**
 * The way of one envelope, one line a hop; waits for its end.
 *
 * @param url the gateway
 * @throws CommandError when there is no gateway, or it does not know the id
 */
export async function traceLines(url: string, id: string): Promise<string[]> {
  let lines: string[] = [];
  const histories = followHistory(new GatewayClient(url), id, new AbortController().signal);
  for await (const { envelope, updates, ended } of histories) {
    if (ended) lines = hopLines(updates, envelope, true);
  }
  return lines;
}
