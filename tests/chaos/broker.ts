/** A RabbitMQ of a test's own, which it may kill, stop and starve, and fleets that use it. */

import { queueName } from "@asya/transport";
import { connect } from "amqplib";
import { findRabbitmq } from "../../tools/services/find_rabbitmq.ts";
import { type Rabbitmq, startRabbitmq } from "../../tools/services/rabbitmq.ts";
import type { TransportEnv } from "./fleet.ts";
import { waitFor } from "./wait.ts";

/** How long a broker may take to start again. */
const START_MS = 60_000;

const found = await findRabbitmq();

/** Goes into a test's name and says why it is ignored; empty where a broker can be had. */
export const brokerMissing: string = typeof found === "string" ? `, ignored: ${found}` : "";

/** A broker of the caller's own. */
export function startBroker(): Promise<Rabbitmq> {
  return startRabbitmq({}, () => Promise.resolve(found));
}

/** How the n-th fleet of a test reaches its broker: with an exchange and queues of its own. */
export function brokerEnv(
  broker: Rabbitmq,
  n: number,
  o: { readonly port?: number; readonly heartbeatSeconds?: number } = {},
): TransportEnv {
  const url = new URL(broker.url);
  if (o.port !== undefined) url.port = `${o.port}`;
  if (o.heartbeatSeconds !== undefined) url.search = `?heartbeat=${o.heartbeatSeconds}`;
  return {
    ASYA_TRANSPORT: "rabbitmq",
    ASYA_RABBITMQ_URL: url.href,
    ASYA_RABBITMQ_EXCHANGE: `fleet-${n}`,
    ASYA_QUEUE_PREFIX: `fleet-${n}`,
  };
}

/** Removes the queue of an actor, with everything in it. */
export async function removeQueue(
  broker: Rabbitmq,
  env: TransportEnv,
  actor: string,
): Promise<void> {
  const model = await connect(broker.url, { noDelay: true });
  const channel = await model.createChannel();
  await channel.deleteQueue(queueName(actor, env.ASYA_QUEUE_PREFIX));
  await model.close();
}

/** Queues of a fleet that hold messages, those of delays and dead letters included. */
export async function queuesLeft(broker: Rabbitmq, env: TransportEnv): Promise<string[]> {
  const listed = await broker.eval(
    "[element(4, amqqueue:get_name(Q)) || Q <- rabbit_amqqueue:list()]",
  );
  const names = [...listed.matchAll(/<<"([^"]+)">>/g)].map(([, name]) => name!);
  const left: string[] = [];
  const model = await connect(broker.url, { noDelay: true });
  const channel = await model.createChannel();
  for (const name of names.filter((one) => one.includes(env.ASYA_QUEUE_PREFIX!))) {
    const { messageCount } = await channel.checkQueue(name);
    if (messageCount > 0) left.push(`${name}: ${messageCount}`);
  }
  await model.close();
  return left;
}

/** Starts it again; resolves as soon as anybody can log in, so that who comes back can be timed. */
export async function startAgain(broker: Rabbitmq): Promise<void> {
  const starting = broker.start();
  try {
    await waitFor(() => "the broker lets us in", async () => {
      try {
        const model = await connect(broker.url, { noDelay: true });
        await model.close();
        return true;
      } catch {
        return false;
      }
    }, START_MS);
  } finally {
    await starting;
  }
}
