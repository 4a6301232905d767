/** A private broker of the RabbitMQ that is installed on this machine. */

import { ErlangShell } from "./erlang_shell.ts";
import type { InstalledRabbitmq } from "./find_rabbitmq.ts";
import { freePorts } from "./ports.ts";
import { leanHome } from "./rabbitmq_home.ts";
import { RabbitmqError, type RabbitmqNode } from "./rabbitmq_node.ts";

const STOP_MS = 30_000;
const NAMES_MS = 5_000;
const LOG_CHARACTERS = 3_000;

/**
 * Runs Erlang's name server until standard input closes, which it does however we end. A process
 * beside the shell looks after that: the shell itself may be killed with us.
 */
const HOLD = 'trap "" HUP INT TERM; exec 3<&0; "$0" "$@" & NAMES=$!; ' +
  "(cat <&3 >/dev/null; kill -9 $NAMES) & wait";

/** Enters another root, with our devices and processes and the broker's folder in it. */
const ENTER = 'for dir in /dev /proc "$1"; do ' +
  'mkdir -p "$0$dir" && mount --rbind "$dir" "$0$dir" || exit; done; shift; exec chroot "$0" "$@"';

interface Running {
  readonly child: Deno.ChildProcess;
  readonly shell: ErlangShell;
  /** Resolves after the process and all of its words are gone. */
  readonly gone: Promise<void>;
}

/** Runs in `dir`, which has the configuration; nothing is started yet. */
export class InstalledNode implements RabbitmqNode {
  readonly #from: InstalledRabbitmq;
  readonly #dir: string;
  readonly #env: Record<string, string>;
  #home: string | undefined;
  #names: Deno.ChildProcess | undefined;
  #running: Running | undefined;

  /** Takes over the folder: {@linkcode remove} deletes it. */
  constructor(from: InstalledRabbitmq, dir: string) {
    const [distribution, names] = freePorts(2);
    this.#from = from;
    this.#dir = dir;
    this.#env = {
      PATH: from.path,
      LANG: "C.UTF-8",
      HOME: dir, // Erlang makes its cookie there
      ERL_EPMD_PORT: `${names}`,
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_ALLOW_INPUT: "true", // a shell on stdin; and no script stays between us and the VM
      RABBITMQ_NODENAME: `asya-${crypto.randomUUID().slice(0, 8)}@localhost`,
      RABBITMQ_DIST_PORT: `${distribution}`,
      RABBITMQ_CONF_ENV_FILE: `${dir}/no-rabbitmq-env.conf`,
      RABBITMQ_CONFIG_FILE: `${dir}/rabbitmq.conf`,
      RABBITMQ_ADVANCED_CONFIG_FILE: `${dir}/advanced.config`,
      RABBITMQ_ENABLED_PLUGINS_FILE: `${dir}/enabled_plugins`,
      RABBITMQ_MNESIA_BASE: `${dir}/data`,
      RABBITMQ_LOG_BASE: `${dir}/log`,
      RABBITMQ_LOGS: `${dir}/log/broker.log`,
      // +B i: the Ctrl-C of a terminal is for whoever holds the broker
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none +B i",
    };
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) throw new RabbitmqError("the broker is up");
    this.#home ??= await this.#prepare();
    this.#names ??= await this.#startNames();
    const [program, ...args] = this.#seenFromRoot([`${this.#home}/sbin/rabbitmq-server`]);
    const child = new Deno.Command(program!, {
      args,
      cwd: this.#dir,
      clearEnv: true,
      env: { ...this.#env, RABBITMQ_SCRIPTS_DIR: `${this.#home}/sbin` },
      stdin: "piped", // the VM ends when it closes, which it does however we end
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const shell = new ErlangShell(child);
    const gone = child.status.then(async () => {
      this.#running = undefined;
      await shell.close();
    });
    this.#running = { child, shell, gone };
  }

  async ended(): Promise<string> {
    const { child, shell, gone } = this.#here();
    const { code, signal } = await child.status;
    await gone;
    const log = await this.#log() || shell.said;
    return `it ended with ${signal ?? `code ${code}`}; the end of its log:\n${log}`;
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async eval(expressions: string): Promise<string> {
    return await this.#here().shell.eval(expressions);
  }

  async remove(): Promise<void> {
    await this.#end("SIGKILL");
    const names = this.#names;
    this.#names = undefined;
    await names?.stdin.close();
    await names?.status;
    await Deno.remove(this.#dir, { recursive: true });
    const { root } = this.#from; // where it was mounted, empty
    if (root !== undefined && this.#home !== undefined) await Deno.remove(root + this.#dir);
  }

  #here(): Running {
    if (this.#running === undefined) throw new RabbitmqError("the broker is down");
    return this.#running;
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    const { child, gone } = running;
    sendSignal(child, signal);
    const harder = setTimeout(() => sendSignal(child, "SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(harder);
  }

  async #prepare(): Promise<string> {
    await Deno.writeTextFile(`${this.#dir}/enabled_plugins`, "[].\n");
    return await leanHome(this.#from, this.#dir);
  }

  /** A command for where the broker is installed. It becomes that command: its pid stays. */
  #seenFromRoot(command: readonly string[]): string[] {
    const { root } = this.#from;
    if (root === undefined) return [...command];
    return ["unshare", "-m", "sh", "-c", ENTER, root, this.#dir, ...command];
  }

  /** A name server of our own on our own port: the broker would leave one behind that outlives us. */
  async #startNames(): Promise<Deno.ChildProcess> {
    const names = ["epmd", "-address", "127.0.0.1", "-port", this.#env.ERL_EPMD_PORT!];
    const child = new Deno.Command("sh", {
      args: ["-c", HOLD, ...this.#seenFromRoot(names)],
      clearEnv: true,
      env: { PATH: this.#from.path },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const deadline = performance.now() + NAMES_MS;
    const port = Number(this.#env.ERL_EPMD_PORT);
    while (!await listens(port)) {
      if (performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        continue;
      }
      await child.stdin.close();
      await child.status;
      throw new RabbitmqError(`Erlang's epmd did not start on port ${port}`);
    }
    return child;
  }

  async #log(): Promise<string> {
    try {
      return (await Deno.readTextFile(this.#env.RABBITMQ_LOGS!)).slice(-LOG_CHARACTERS);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}

function sendSignal(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error; // has ended
  }
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
