/** A private server of the PostgreSQL that is installed on this machine. */

import { PostgresError, type PostgresNode, type PostgresSettings } from "./postgres_node.ts";

const INITDB_MS = 60_000;
const STOP_MS = 30_000;
const LOG_CHARACTERS = 3_000;
/** Whom it may run as, where we are root: it refuses to. */
const USERS = ["postgres", "nobody"];

/**
 * Runs the server until standard input closes, which it does however we end. A process beside the
 * shell looks after that: the shell itself may be killed with us. First it tells the server's pid.
 */
const HOLD = 'trap "" HUP INT TERM; exec 3<&0; "$0" "$@" </dev/null & SERVER=$!; echo $SERVER; ' +
  "(cat <&3; kill -QUIT $SERVER) >/dev/null 2>&1 & HELD=$!; " +
  "wait $SERVER; CODE=$?; kill -9 $HELD; exit $CODE";

/** Small, and on the disk before it says so. */
const CONF = [
  "listen_addresses = '127.0.0.1'",
  "unix_socket_directories = ''",
  "fsync = on",
  "synchronous_commit = on",
  "shared_buffers = 32MB",
  "max_connections = 100",
  "max_wal_size = 256MB",
  "logging_collector = off",
  "timezone = 'UTC'",
];

interface Identity {
  readonly uid: number;
  readonly gid: number;
}

interface Running {
  readonly child: Deno.ChildProcess;
  readonly pid: number;
  readonly ended: Promise<string>;
}

/** Runs in a folder of its own; nothing is started yet. */
export class InstalledPostgresNode implements PostgresNode {
  readonly #bin: string;
  readonly #settings: PostgresSettings;
  #dir: string | undefined;
  #as: Identity | undefined;
  #running: Running | undefined;

  constructor(bin: string, settings: PostgresSettings) {
    this.#bin = bin;
    this.#settings = settings;
  }

  get pid(): number | undefined {
    return this.#running?.pid;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) throw new PostgresError("the server is up");
    this.#dir ??= await this.#prepare();
    const child = new Deno.Command("sh", {
      args: ["-c", HOLD, `${this.#bin}/postgres`, "-D", `${this.#dir}/data`],
      ...this.#setup(),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const first = Promise.withResolvers<string>();
    const log = Promise.all([lastWords(child.stdout, first.resolve), lastWords(child.stderr)]);
    const ended = child.status.then(async ({ code, signal }) => {
      await child.stdin.close();
      const [, words] = await log; // each process of the server has it open
      this.#running = undefined;
      return `it ended with ${signal ?? `code ${code}`}; the end of its log:\n${words}`;
    });
    const pid = Number(await first.promise);
    this.#running = { child, pid, ended };
  }

  async ended(): Promise<string> {
    if (this.#running === undefined) throw new PostgresError("the server is down");
    return await this.#running.ended;
  }

  async end(signal: "SIGKILL" | "SIGINT" | "SIGQUIT"): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    sendSignal(running.pid, signal);
    const harder = setTimeout(() => sendSignal(running.pid, "SIGKILL"), STOP_MS);
    await running.ended;
    clearTimeout(harder);
  }

  async remove(): Promise<void> {
    await this.end("SIGKILL");
    if (this.#dir !== undefined) await Deno.remove(this.#dir, { recursive: true });
    this.#dir = undefined;
  }

  #setup() {
    return {
      cwd: this.#dir ?? "/",
      clearEnv: true,
      env: { PATH: `${this.#bin}:/usr/bin:/bin`, LANG: "C.UTF-8" },
      ...this.#as,
    };
  }

  async #prepare(): Promise<string> {
    const { user, password, port, conf = [], tls } = this.#settings;
    const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-postgres-" }));
    this.#dir = dir;
    this.#as = await identity();
    const files = { password, ...tls ? { "tls.crt": tls.cert, "tls.key": tls.key } : {} };
    const { uid = null, gid = null } = this.#as ?? {};
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${dir}/${name}`, text, { mode: 0o600 });
      await Deno.chown(`${dir}/${name}`, uid, gid);
    }
    await Deno.chown(dir, uid, gid);
    const { success, stderr } = await new Deno.Command(`${this.#bin}/initdb`, {
      args: [
        ...["-D", `${dir}/data`, "-U", user, "--auth=scram-sha-256", `--pwfile=${dir}/password`],
        ...["--no-locale", "--encoding=UTF8", "--no-sync"],
      ],
      ...this.#setup(),
      stdin: "null",
      signal: AbortSignal.timeout(INITDB_MS),
    }).output();
    if (!success) {
      throw new PostgresError(`initdb failed: ${new TextDecoder().decode(stderr).slice(-1_000)}`);
    }
    await Deno.remove(`${dir}/password`);
    const lines = [...CONF, `port = ${port}`, ...conf];
    if (tls) {
      lines.push("ssl = on", `ssl_cert_file = '${dir}/tls.crt'`, `ssl_key_file = '${dir}/tls.key'`);
    }
    await Deno.writeTextFile(`${dir}/data/postgresql.conf`, `${lines.join("\n")}\n`);
    return dir;
  }
}

/** Whom the server runs as; undefined: us. */
async function identity(): Promise<Identity | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const lines = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  for (const user of USERS) {
    const found = lines.find(([name]) => name === user);
    if (found) return { uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new PostgresError(`there is no user ${USERS.join(" or ")} to run PostgreSQL as`);
}

/** Reads to the end; the last characters. `onLine` gets the first line. */
async function lastWords(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void = () => {},
): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + chunk).slice(-LOG_CHARACTERS);
    if (text.includes("\n")) onLine(text.slice(0, text.indexOf("\n")));
  }
  onLine(text);
  return text;
}

function sendSignal(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // has ended
  }
}
