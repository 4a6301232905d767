/** The system's RabbitMQ from outside: a test's envelopes go in here, and what comes out is counted. */

import { type ChannelModel, connect, type ConsumeMessage } from "amqplib";
import { kubectl } from "./kube.ts";
import { SYSTEM } from "./system.ts";
import { startBeside, until } from "./wait.ts";

/** What came out: payloads by envelope id, in the order of their coming. */
export type Arrived = ReadonlyMap<string, readonly unknown[]>;

/** The chart's exchange. */
const EXCHANGE = "asya";

const CONFIRM_EVERY = 100;

async function password(): Promise<string> {
  const args = ["-n", SYSTEM, "get", "secret", "asya-rabbitmq", "-o", "jsonpath={.data.password}"];
  return new TextDecoder().decode(Uint8Array.fromBase64(await kubectl(args)));
}

/** One connection, by `kubectl port-forward`: it ends with the broker's pod. */
export class Broker implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #model: ChannelModel;

  private constructor(stack: AsyncDisposableStack, model: ChannelModel) {
    this.#stack = stack;
    this.#model = model;
  }

  /** Connects, as soon as the broker is there. */
  static async open(): Promise<Broker> {
    const secret = await password();
    let seen: unknown;
    return await until("a connection to RabbitMQ", 90, async () => {
      await using stack = new AsyncDisposableStack();
      try {
        const forward = ["kubectl", "-n", SYSTEM, "port-forward", "svc/asya-rabbitmq", ":5672"];
        const beside = stack.use(await startBeside(forward, /127\.0\.0\.1:(\d+) /));
        const port = Number(beside.said[1]);
        const at = { hostname: "127.0.0.1", port, username: "asya", password: secret };
        const model = await connect({ protocol: "amqp", ...at, heartbeat: 0 }, { noDelay: true });
        model.on("error", () => undefined); // whoever uses it meets the end of it
        stack.defer(() => model.close().catch(() => undefined));
        return new Broker(stack.move(), model);
      } catch (error) {
        seen = String(error);
        return undefined;
      }
    }, { seen: () => seen });
  }

  /** Puts envelopes on the way; all are durable when it resolves. @param payload of envelope n */
  async send(
    actors: readonly string[],
    count: number,
    payload: (n: number) => unknown = (n) => ({ n }),
  ): Promise<string[]> {
    const channel = await this.#model.createConfirmChannel();
    const returned: string[] = [];
    channel.on("return", ({ properties }) => returned.push(String(properties.messageId)));
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      const id = crypto.randomUUID();
      const envelope = { id, route: { actors, current: 0 }, payload: payload(n) };
      const options = { persistent: true, mandatory: true, messageId: id };
      channel.publish(EXCHANGE, actors[0]!, Buffer.from(JSON.stringify(envelope)), options);
      ids.push(id);
      if (n % CONFIRM_EVERY === 0) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();
    await channel.close();
    if (returned.length > 0) throw new Error(`nothing leads to ${actors[0]}`);
    return ids;
  }

  /** Makes a queue at the end of routes that nobody but a test takes from; gone with the test. */
  async sink(name: string): Promise<void> {
    const channel = await this.#model.createChannel();
    await channel.assertExchange(EXCHANGE, "topic", { durable: true });
    await channel.assertQueue(name, { durable: true });
    await channel.bindQueue(name, EXCHANGE, name);
    await channel.close();
  }

  /** Takes out what is in a sink, until so many different envelopes have come. */
  async collect(sink: string, count: number, seconds: number): Promise<Arrived> {
    const arrived = new Map<string, unknown[]>();
    const channel = await this.#model.createChannel();
    const take = (message: ConsumeMessage | null) => {
      if (message === null) return;
      const { id, payload } = JSON.parse(message.content.toString());
      arrived.set(id, [...arrived.get(id) ?? [], payload]);
      channel.ack(message);
    };
    const { consumerTag } = await channel.consume(sink, take);
    try {
      await until(
        `${count} envelopes at ${sink}`,
        seconds,
        () => arrived.size >= count,
        { seen: () => `${arrived.size} of them` },
      );
    } finally {
      await channel.cancel(consumerTag);
      await channel.close();
    }
    return arrived;
  }

  /** Messages of a queue that wait; undefined: there is none. */
  async waiting(queue: string): Promise<number | undefined> {
    const channel = await this.#model.createChannel();
    channel.on("error", () => undefined); // a queue that is missing ends the channel
    try {
      const { messageCount } = await channel.checkQueue(queue);
      await channel.close();
      return messageCount;
    } catch (error) {
      if ((error as { code?: number }).code !== 404) throw error;
      return undefined;
    }
  }

  /** Deletes queues; those that are gone are fine. */
  async forget(...queues: readonly string[]): Promise<void> {
    const channel = await this.#model.createChannel();
    for (const queue of queues) await channel.deleteQueue(queue);
    await channel.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
