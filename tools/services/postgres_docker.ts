/** A private server in a container, for machines that have Docker and no PostgreSQL. */

import { PostgresError, type PostgresNode, type PostgresSettings } from "./postgres_node.ts";

const LIMIT_MS = 600_000; // the first time the image is downloaded

/** Runs an image; nothing is started yet. */
export class DockerPostgresNode implements PostgresNode {
  readonly pid = undefined;
  readonly #image: string;
  readonly #settings: PostgresSettings;
  #id: string | undefined;
  #up = false;

  constructor(image: string, settings: PostgresSettings) {
    this.#image = image;
    this.#settings = settings;
  }

  async start(): Promise<void> {
    const { user, password, port, conf = [], tls } = this.#settings;
    if (tls) throw new PostgresError("a server in a container has no TLS");
    if (this.#id === undefined) {
      const env = { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: "postgres" };
      const names = Object.keys(env).flatMap((name) => ["--env", name]); // no password in arguments
      const publish = ["--publish", `127.0.0.1:${port}:5432`];
      const settings = conf.flatMap((line) => ["-c", line.replace(/\s*=\s*/, "=")]);
      this.#id = await docker(["create", ...publish, ...names, this.#image, ...settings], env);
    }
    await docker(["start", this.#id]);
    this.#up = true;
  }

  async ended(): Promise<string> {
    const code = await docker(["wait", this.#here()]);
    if (this.#id === undefined) return `its container ended with code ${code}`;
    const log = await docker(["logs", "--tail", "40", this.#id]);
    return `its container ended with code ${code}; the end of its log:\n${log}`;
  }

  async end(signal: "SIGKILL" | "SIGINT" | "SIGQUIT"): Promise<void> {
    if (!this.#up) return;
    await docker(["kill", "--signal", signal, this.#here()]);
    await docker(["wait", this.#here()]);
    this.#up = false;
  }

  async remove(): Promise<void> {
    const id = this.#id;
    if (id !== undefined) await docker(["rm", "--force", "--volumes", id]);
    this.#id = undefined;
    this.#up = false;
  }

  #here(): string {
    if (this.#id === undefined) throw new PostgresError("the server is down");
    return this.#id;
  }
}

async function docker(args: string[], env: Record<string, string> = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("docker", {
    args,
    env,
    stdin: "null",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout).trim();
  throw new PostgresError(`docker ${args[0]}: ${text.decode(stderr).trim().slice(-1_000)}`);
}
