/**
 * Puts one envelope on an actor's queue, over the transport of its environment:
 * `send ACTOR ENVELOPE`. For tries from inside a sidecar's container.
 */

import { readSettings, SettingsError } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { openTransport, TRANSPORT_SETTINGS } from "@asya/transport";

/** How long the broker may take to be reached, in milliseconds. */
const LIMIT_MS = 20_000;

/** @returns the exit code: 0 it is on the queue, durably */
async function send(actor: string, envelope: string): Promise<number> {
  const settings = readSettings(TRANSPORT_SETTINGS, Deno.env.toObject());
  const transport = await openTransport(settings, createLogger({ level: "error" }));
  try {
    const body = new TextEncoder().encode(envelope);
    const { id } = JSON.parse(envelope);
    const [result] = await transport.queue("send").send([{ actor, messageId: id, body }]);
    if (result?.ok) return 0;
    console.error(`not sent: ${result?.error.message}`);
    return 1;
  } finally {
    await transport.close();
  }
}

if (import.meta.main) {
  const [actor, envelope] = Deno.args;
  if (actor === undefined || envelope === undefined) {
    console.error("usage: send ACTOR ENVELOPE");
    Deno.exit(2);
  }
  setTimeout(() => {
    console.error("not sent: the broker cannot be reached");
    Deno.exit(1);
  }, LIMIT_MS);
  try {
    Deno.exit(await send(actor, envelope));
  } catch (error) {
    if (!(error instanceof SettingsError || error instanceof SyntaxError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
