/** The same folder of actors on every transport: one word changes, and nothing that can be seen. */

import assert from "node:assert/strict";
import { startLocal } from "@asya/local";
import { queueName, TRANSPORTS } from "@asya/transport";
import { connect } from "amqplib";
import { idsAt, project, pythonActor, resultAt, until } from "./project.ts";

const HANDLERS = `seen = set()

def split(payload):
    return [dict(payload, part=part) for part in range(3)] if payload.get("split") else payload

def shaky(payload):
    """Fails at the first call for each payload."""
    key = str(payload)
    if payload.get("shaky") and key not in seen:
        seen.add(key)
        raise ValueError("not yet")
    if payload.get("bad"):
        raise KeyError("never")
    return payload
`;

const RETRY = `resiliency:
  policies: { again: { maxAttempts: 3, backoff: constant, initialDelay: 100ms, jitter: false } }
  rules: [{ errors: [ValueError], policy: again }]
`;

const ACTORS = ["split", "shaky", "happy-end", "error-end"];

/** What is sent, by a name for it. */
const SENT: Readonly<Record<string, string>> = {
  plain: '{"n":9007199254740993}',
  fanout: '{"split":true}',
  shaky: '{"shaky":1}',
  bad: '{"bad":1}',
};

/** How each transport is reached, or why it cannot be. */
function environmentOf(transport: string, prefix: string): Record<string, string> | string {
  const common = { ASYA_TRANSPORT: transport, ASYA_QUEUE_PREFIX: prefix };
  if (transport === "sqlite") return {};
  if (transport === "rabbitmq") {
    const url = Deno.env.get("ASYA_TEST_RABBITMQ_URL");
    if (!url) return "no ASYA_TEST_RABBITMQ_URL; deno task test starts a broker";
    return { ...common, ASYA_RABBITMQ_URL: url, ASYA_RABBITMQ_EXCHANGE: prefix };
  }
  const endpoint = Deno.env.get("ASYA_TEST_SQS_ENDPOINT");
  if (!endpoint) return "no ASYA_TEST_SQS_ENDPOINT; deno task test starts an emulator";
  Deno.env.set("AWS_ACCESS_KEY_ID", "test"); // what the SDK of this process finds
  Deno.env.set("AWS_SECRET_ACCESS_KEY", "test");
  return { ...common, ASYA_SQS_ENDPOINT: endpoint, ASYA_AWS_REGION: "us-east-1" };
}

/** Runs the folder and says what became of everything. */
async function outcome(env: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  await using folder = await project({
    "actors.yaml": pythonActor("split", "handlers.split") +
      pythonActor("shaky", "handlers.shaky", RETRY),
    "handlers.py": HANDLERS,
  });
  await using local = await startLocal({
    dir: folder.dir,
    port: 0,
    env: { ...Deno.env.toObject(), ...env },
  });
  await local.ready(60_000);
  const ids: Record<string, string> = {};
  for (const [name, payload] of Object.entries(SENT)) {
    ids[name] = await local.send(["split", "shaky"], payload);
  }
  const ended = async (actor: "happy-end" | "error-end", count: number) => {
    await until(`${count} at ${actor}`, async () => (await idsAt(folder.dir, actor)).size >= count);
    const found: string[] = [];
    for (const id of await idsAt(folder.dir, actor)) {
      const { payload, route } = await resultAt(folder.dir, actor, id);
      const text = new TextDecoder().decode(payload);
      const seen = actor === "happy-end" ? text : JSON.parse(text).error;
      const name = Object.keys(ids).find((key) => id.startsWith(ids[key]!));
      found.push(`${name} ${id.slice((ids[name ?? ""] ?? id).length)} ${route.current} ${seen}`);
    }
    return found.sort();
  };
  return { happy: await ended("happy-end", 5), error: await ended("error-end", 1) };
}

async function clean(url: string, prefix: string): Promise<void> {
  const model = await connect(url, { noDelay: true });
  const channel = await model.createChannel();
  for (const actor of ACTORS) {
    await channel.deleteQueue(queueName(actor, prefix));
    await channel.deleteQueue(`${queueName(actor, prefix)}-dlq`);
  }
  await channel.deleteQueue(`${prefix}.delay.100`);
  await channel.deleteExchange(`${prefix}.delay.100`);
  await channel.deleteExchange(prefix);
  await model.close();
}

for (const transport of TRANSPORTS) {
  const prefix = `word-${Deno.pid}`;
  const env = environmentOf(transport, prefix);
  const skip = typeof env === "string";
  Deno.test({
    name: `startLocal() does the same on ${transport}${skip ? ` (skipped: ${env})` : ""}`,
    ignore: skip,
    async fn() {
      if (skip) return;
      try {
        assert.deepEqual(await outcome(env), {
          happy: [
            'fanout  2 {"split":true,"part":0}',
            'fanout -1 2 {"split":true,"part":1}',
            'fanout -2 2 {"split":true,"part":2}',
            'plain  2 {"n":9007199254740993}',
            'shaky  2 {"shaky":1}',
          ],
          error: ["bad  1 processing_error"],
        });
      } finally {
        if (transport === "rabbitmq") await clean(env["ASYA_RABBITMQ_URL"]!, prefix);
      }
    },
  });
}
