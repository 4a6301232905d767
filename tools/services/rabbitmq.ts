/** A private RabbitMQ for a test or a run of tests, on loopback, held by whoever started it. */

import { findRabbitmq, type FoundRabbitmq } from "./find_rabbitmq.ts";
import { freePorts } from "./ports.ts";
import { MEMORY_BYTES, type RabbitmqOptions, writeConfig } from "./rabbitmq_config.ts";
import { DOCKER_CONFIG_DIR, DockerNode } from "./rabbitmq_docker.ts";
import { InstalledNode } from "./rabbitmq_installed.ts";
import { greets, RabbitmqError, type RabbitmqNode } from "./rabbitmq_node.ts";
import { startedOrGone, untilItGreets } from "./start.ts";
import { ServiceUnavailable } from "./unavailable.ts";

export type { BrokerTls, RabbitmqOptions } from "./rabbitmq_config.ts";
export { RabbitmqError } from "./rabbitmq_node.ts";

const START_MS = 90_000;
const DISK_FREE_BYTES = 50_000_000;

/** A broker that may be killed, stopped and starved. Its end removes all that it left. */
export interface Rabbitmq extends AsyncDisposable {
  /** `amqp://user:password@127.0.0.1:port`; the user may do anything, the names are random. */
  readonly url: string;
  readonly port: number;
  /** The same broker by TLS, with `options.tls`. */
  readonly tlsUrl: string | undefined;
  readonly tlsPort: number | undefined;
  readonly user: string;
  readonly password: string;
  /** The broker's own process, the Erlang VM; undefined while it is down, and in a container. */
  readonly pid: number | undefined;
  /**
   * SIGKILL to the broker. Resolves when it is gone. A broker so killed may forget the queues that
   * were declared in the last second, and RabbitMQ 3.10 the first quorum queue that it ever had.
   */
  kill(): Promise<void>;
  /** Shuts it down in order, which keeps non-durable things no longer than a kill does. */
  stop(): Promise<void>;
  /** Starts it again on the same port with the same data. Resolves when it greets clients. */
  start(): Promise<void>;
  /** The value of Erlang expressions inside the broker, as text; no dot at the end. */
  eval(expressions: string): Promise<string>;
  /** Raises or clears an alarm; while one is raised publishers are blocked. Forgotten by a restart. */
  alarm(resource: "memory" | "disk", raised: boolean): Promise<void>;
}

/**
 * Starts one, of the first kind that is to be had: installed, installed now by `apt-get`, Docker.
 *
 * @throws {ServiceUnavailable} Where there is none; the message says why.
 * @throws {RabbitmqError} Where there is one that does not start; with the end of its log.
 */
export async function startRabbitmq(
  options: RabbitmqOptions = {},
  find: () => Promise<FoundRabbitmq | string> = findRabbitmq,
): Promise<Rabbitmq> {
  const found = await find();
  if (typeof found === "string") throw new ServiceUnavailable(found);
  return await startedOrGone(await PrivateRabbitmq.prepare(found, options));
}

class PrivateRabbitmq implements Rabbitmq {
  readonly user = `asya-${crypto.randomUUID().slice(0, 8)}`;
  readonly password = crypto.randomUUID();
  readonly port: number;
  readonly tlsPort: number | undefined;
  readonly #memoryBytes: number;
  #node!: RabbitmqNode;

  private constructor({ tls, memoryBytes = MEMORY_BYTES }: RabbitmqOptions) {
    const [port, tlsPort] = freePorts(2);
    this.port = port!;
    this.tlsPort = tls && tlsPort;
    this.#memoryBytes = memoryBytes;
  }

  static async prepare(found: FoundRabbitmq, options: RabbitmqOptions): Promise<PrivateRabbitmq> {
    const broker = new PrivateRabbitmq(options);
    const { user, password, port, tlsPort } = broker;
    const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-rabbitmq-" }));
    if (found.kind === "docker") {
      const inside = { user, password, listen: "0.0.0.0:5672", listenTls: "0.0.0.0:5671" };
      await writeConfig(dir, DOCKER_CONFIG_DIR, inside, options);
      const ports = { 5672: port, ...tlsPort === undefined ? {} : { 5671: tlsPort } };
      broker.#node = new DockerNode(found.image, dir, ports);
    } else {
      const [listen, listenTls] = [`127.0.0.1:${port}`, `127.0.0.1:${tlsPort}`];
      await writeConfig(dir, dir, { user, password, listen, listenTls }, options);
      broker.#node = new InstalledNode(found, dir);
    }
    return broker;
  }

  get url(): string {
    return `amqp://${this.user}:${this.password}@127.0.0.1:${this.port}`;
  }

  get tlsUrl(): string | undefined {
    if (this.tlsPort === undefined) return undefined;
    return `amqps://${this.user}:${this.password}@127.0.0.1:${this.tlsPort}`;
  }

  get pid(): number | undefined {
    return this.#node.pid;
  }

  kill(): Promise<void> {
    return this.#node.kill();
  }

  stop(): Promise<void> {
    return this.#node.stop();
  }

  async start(): Promise<void> {
    await this.#node.start();
    const problem = await untilItGreets({
      greets: () => greets(this.port),
      ended: () => this.#node.ended(),
      kill: () => this.kill(),
    }, START_MS);
    if (problem !== undefined) throw new RabbitmqError(`RabbitMQ ${problem}`);
  }

  eval(expressions: string): Promise<string> {
    return this.#node.eval(expressions);
  }

  async alarm(resource: "memory" | "disk", raised: boolean): Promise<void> {
    if (resource === "memory") {
      const mark = raised ? "0.0001" : `{absolute, ${this.#memoryBytes}}`;
      await this.eval(`vm_memory_monitor:set_vm_memory_high_watermark(${mark})`);
    } else {
      const bytes = raised ? "1 bsl 60" : `${DISK_FREE_BYTES}`;
      await this.eval(`rabbit_disk_monitor:set_disk_free_limit(${bytes})`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.remove();
  }
}
