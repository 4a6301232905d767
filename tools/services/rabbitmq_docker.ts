/** A private broker in a container, for machines that have Docker and no RabbitMQ. */

import { RabbitmqError, type RabbitmqNode } from "./rabbitmq_node.ts";

/** Where a broker in a container sees its configuration. */
export const DOCKER_CONFIG_DIR = "/etc/rabbitmq/test";

/** The ports of a container, and where on the loopback they are reached. */
export type PublishedPorts = Readonly<Record<number, number>>;

/** Runs an image with the configuration in `dir`; nothing is started yet. */
export class DockerNode implements RabbitmqNode {
  readonly pid = undefined;
  readonly #image: string;
  readonly #dir: string;
  readonly #ports: PublishedPorts;
  #id: string | undefined;

  /** Takes over the folder: {@linkcode remove} deletes it. */
  constructor(image: string, dir: string, ports: PublishedPorts) {
    this.#image = image;
    this.#dir = dir;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    if (this.#id === undefined) {
      const published = Object.entries(this.#ports)
        .flatMap(([inside, outside]) => ["--publish", `127.0.0.1:${outside}:${inside}`]);
      const files = {
        RABBITMQ_CONFIG_FILE: `${DOCKER_CONFIG_DIR}/rabbitmq.conf`,
        RABBITMQ_ADVANCED_CONFIG_FILE: `${DOCKER_CONFIG_DIR}/advanced.config`,
      };
      const env = Object.entries(files).flatMap(([name, path]) => ["--env", `${name}=${path}`]);
      this.#id = await docker("create", ...published, ...env, this.#image);
      // Copied, not mounted: the folder is readable to us alone, and the daemon may be elsewhere.
      await docker("cp", `${this.#dir}/.`, `${this.#id}:${DOCKER_CONFIG_DIR}`);
    }
    await docker("start", this.#id);
  }

  async ended(): Promise<string> {
    const code = await docker("wait", this.#here());
    const log = await docker("logs", "--tail", "40", this.#here());
    return `its container ended with code ${code}; the end of its log:\n${log}`;
  }

  async kill(): Promise<void> {
    await docker("kill", this.#here());
  }

  async stop(): Promise<void> {
    await docker("stop", "--time", "30", this.#here());
  }

  async eval(expressions: string): Promise<string> {
    return await docker("exec", this.#here(), "rabbitmqctl", "-q", "eval", `${expressions}.`);
  }

  async remove(): Promise<void> {
    if (this.#id !== undefined) await docker("rm", "--force", "--volumes", this.#id);
    this.#id = undefined;
    await Deno.remove(this.#dir, { recursive: true });
  }

  #here(): string {
    if (this.#id === undefined) throw new RabbitmqError("the broker is down");
    return this.#id;
  }
}

const LIMIT_MS = 600_000; // the first time the image is downloaded

async function docker(...args: string[]): Promise<string> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { success, stdout, stderr } = await new Deno.Command("docker", {
    args,
    stdin: "null",
    signal,
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout).trim();
  throw new RabbitmqError(`docker ${args[0]}: ${text.decode(stderr).trim().slice(-1_000)}`);
}
