/** A private PostgreSQL for a test or a run of tests, on loopback, held by whoever started it. */

import { findPostgres, type FoundPostgres } from "./find_postgres.ts";
import { freePorts } from "./ports.ts";
import { DockerPostgresNode } from "./postgres_docker.ts";
import { InstalledPostgresNode } from "./postgres_installed.ts";
import { greets, PostgresError, type PostgresNode } from "./postgres_node.ts";
import { startedOrGone, untilItGreets } from "./start.ts";
import { ServiceUnavailable } from "./unavailable.ts";

export { PostgresError } from "./postgres_node.ts";

const START_MS = 60_000;

/** What is not usual about a server. */
export interface PostgresOptions {
  /** Lines of `postgresql.conf`. */
  readonly conf?: readonly string[];
  /** PEM texts; with them it takes TLS too. Installed servers only. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A server that may be killed and stopped. Its end removes all that it left. */
export interface Postgres extends AsyncDisposable {
  /** `postgres://user:password@127.0.0.1:port/postgres`; the user may do anything. */
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The server's first process; undefined while it is down, and in a container. */
  readonly pid: number | undefined;
  /** SIGKILL. Resolves when it is gone; what was committed is there after {@linkcode start}. */
  kill(): Promise<void>;
  /** Ends every session and shuts it down in order. */
  stop(): Promise<void>;
  /** Starts it again on the same port with the same data. Resolves when it takes connections. */
  start(): Promise<void>;
  /** As `pg_ctl restart -m immediate`: every session is cut off, the log is replayed. */
  crash(): Promise<void>;
}

/**
 * Starts one, of the first kind that is to be had: installed, installed now by `apt-get`, Docker.
 * It writes to the disk as it would in earnest.
 *
 * @throws {ServiceUnavailable} Where there is none; the message says why.
 * @throws {PostgresError} Where there is one that does not start; with the end of its log.
 */
export async function startPostgres(
  options: PostgresOptions = {},
  find: () => Promise<FoundPostgres | string> = findPostgres,
): Promise<Postgres> {
  const found = await find();
  if (typeof found === "string") throw new ServiceUnavailable(found);
  return await startedOrGone(new PrivatePostgres(found, options));
}

class PrivatePostgres implements Postgres {
  readonly user = `asya-${crypto.randomUUID().slice(0, 8)}`;
  readonly password = crypto.randomUUID();
  readonly port: number;
  readonly #node: PostgresNode;

  constructor(found: FoundPostgres, options: PostgresOptions) {
    this.port = freePorts(1)[0]!;
    const { user, password, port } = this;
    const settings = { user, password, port, ...options };
    this.#node = found.kind === "docker"
      ? new DockerPostgresNode(found.image, settings)
      : new InstalledPostgresNode(found.bin, settings);
  }

  get url(): string {
    return `postgres://${this.user}:${this.password}@127.0.0.1:${this.port}/postgres`;
  }

  get pid(): number | undefined {
    return this.#node.pid;
  }

  kill(): Promise<void> {
    return this.#node.end("SIGKILL");
  }

  stop(): Promise<void> {
    return this.#node.end("SIGINT");
  }

  async crash(): Promise<void> {
    await this.#node.end("SIGQUIT");
    await this.start();
  }

  async start(): Promise<void> {
    await this.#node.start();
    const problem = await untilItGreets({
      greets: () => greets(this.port, this.user),
      ended: () => this.#node.ended(),
      kill: () => this.kill(),
    }, START_MS);
    if (problem !== undefined) throw new PostgresError(`PostgreSQL ${problem}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.remove();
  }
}
