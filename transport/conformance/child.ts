/**
 * A process for the suite to kill: `child.ts hold ACTOR COUNT`, `child.ts relay FROM TO PREFETCH`,
 * `child.ts send ACTOR MARK`; and `child.ts declare ACTOR`, which ends by itself. Says on standard output what it has done, a line each.
 */

import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { openTransport } from "../open.ts";
import type { Queue } from "../queue.ts";
import { TRANSPORT_SETTINGS } from "../settings.ts";

const forever = new AbortController().signal;

async function hold(queue: Queue, count: number): Promise<void> {
  let held = 0;
  for await (const _ of queue.receive({ prefetch: () => count, signal: forever })) {
    console.log(`held ${++held}`);
  }
}

async function relay(queue: Queue, to: string, prefetch: number): Promise<void> {
  for await (const delivery of queue.receive({ prefetch: () => prefetch, signal: forever })) {
    const { body } = delivery;
    void queue.complete(delivery, [{ actor: to, body, messageId: "relayed" }]).then(([result]) => {
      if (result?.ok === false) throw result.error;
    });
  }
}

/** Four senders, so that some sends share a commit. Each line was acknowledged before. */
async function send(queue: Queue, actor: string, mark: string): Promise<void> {
  let next = 0;
  const sender = async () => {
    while (true) {
      const messageId = `${mark}-${next++}`;
      const body = new TextEncoder().encode(messageId);
      const [result] = await queue.send([{ actor, body, messageId }]);
      if (result?.ok === false) throw result.error;
      console.log(messageId);
    }
  };
  await Promise.all([sender(), sender(), sender(), sender()]);
}

const [verb, actor = "", ...rest] = Deno.args;
const settings = readSettings(TRANSPORT_SETTINGS, Deno.env.toObject());
const transport = await openTransport(settings, createLogger({ level: "warn" }));
const queue = transport.queue(actor);
if (verb === "declare") await queue.declare(actor).finally(() => transport.close());
else if (verb === "hold") await hold(queue, Number(rest[0]));
else if (verb === "relay") await relay(queue, rest[0] ?? "", Number(rest[1]));
else if (verb === "send") await send(queue, actor, rest[0] ?? "");
else throw new Error(`no such verb: ${verb}`);
