/** A child process that a test kills and starts again, and that ends with the test whatever happens. */

import { waitFor } from "./wait.ts";

const LAUNCHER = new URL("../../local/launcher.py", import.meta.url).pathname;
const START_MS = 30_000;
const TAIL_LINES = 12;
const TAIL_COLUMNS = 400;
/** What is kept running waits so long before it is started again, as a container would. */
const RESTART_MS = 100;

/** What to run. */
export interface ChildOptions {
  /** Names its log and its pid file. */
  readonly name: string;
  /** Folder for both. */
  readonly dir: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Started again whenever it ends by itself or is killed. */
  readonly keep?: boolean;
}

/** One process, at most one life at a time. */
export class Child {
  readonly #log: string;
  readonly #pidFile: string;
  #launcher: Deno.ChildProcess | undefined;
  #code: Promise<number> | undefined;
  /** Where the log of this life begins, in bytes. */
  #since = 0;
  #wanted = false;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #starting: Promise<void> | undefined;

  constructor(private readonly o: ChildOptions) {
    this.#log = `${o.dir}/${o.name}.log`;
    this.#pidFile = `${o.dir}/${o.name}.pid`;
  }

  /** Its name. */
  get name(): string {
    return this.o.name;
  }

  /** Its process id. @throws Error while it is not running */
  get pid(): number {
    return Number(Deno.readTextFileSync(this.#pidFile));
  }

  /** Resolves when the process exists. */
  start(): Promise<void> {
    return this.#starting = this.#start();
  }

  async #start(): Promise<void> {
    if (this.#code !== undefined) throw new Error(`${this.name} runs already`);
    this.#wanted = true;
    await Deno.remove(this.#pidFile).catch(missing);
    this.#since = (await Deno.stat(this.#log).catch(missing))?.size ?? 0;
    // The launcher kills the process when this pipe closes, which it does even if we are killed.
    const launcher = this.#launcher = new Deno.Command("sh", {
      args: ["-c", `exec python3 "$@" >>"$LOG" 2>&1`, "sh", LAUNCHER, this.#pidFile].concat(
        this.o.command,
      ),
      env: {
        PATH: Deno.env.get("PATH")!,
        HOME: Deno.env.get("HOME")!,
        ...this.o.env,
        LOG: this.#log,
      },
      clearEnv: true,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#code = launcher.status.then(({ code }) => this.#ended(launcher, code));
    await waitFor(() => `${this.name} has a pid`, () => this.#exists(this.#pidFile), START_MS);
  }

  /** Resolves with the first line of this life's log that matches. @throws Error when it ends before */
  async line(pattern: RegExp, limitMs = START_MS): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    const look = () => {
      if (this.#code === undefined) throw new Error(`${this.name} has ended`);
      return (found = pattern.exec(this.#said())) !== null;
    };
    await waitFor(() => `${this.name} says ${pattern}`, look, limitMs);
    return found!;
  }

  /** Ends it at once, as a power cut would; resolves when it is gone (and started again, if kept). */
  async kill9(): Promise<void> {
    await this.#starting;
    const code = this.#code;
    Deno.kill(this.pid, "SIGKILL");
    await code;
    if (this.o.keep) {
      await waitFor(() => `${this.name} is back`, () => this.#code !== undefined, START_MS);
    }
  }

  /** Does not start it again when it ends. */
  letGo(): void {
    this.#wanted = false;
    clearTimeout(this.#restart);
  }

  /** SIGTERM; resolves with the exit code, 0 where it has ended before. */
  async stop(): Promise<number> {
    this.letGo();
    await this.#starting;
    const code = this.#code;
    if (code === undefined) return 0;
    try {
      Deno.kill(this.pid, "SIGTERM");
    } catch (error) {
      missing(error); // it ends by itself at this moment
    }
    return await code;
  }

  /** Stops it where it is, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    Deno.kill(this.pid, signal);
  }

  /** The last lines of its log. */
  tail(): string {
    let text = "";
    try {
      text = Deno.readTextFileSync(this.#log);
    } catch (error) {
      missing(error);
    }
    const lines = text.trimEnd().split("\n").slice(-TAIL_LINES);
    return [`--- ${this.name}`, ...lines.map((line) => line.slice(0, TAIL_COLUMNS))].join("\n");
  }

  /** Ends it and everything that it started. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.letGo();
    await this.#starting?.catch(() => {}); // whoever started it knows
    await this.#launcher?.stdin.close().catch(() => {}); // closed where it has ended by itself
    await this.#code;
  }

  #ended(launcher: Deno.ChildProcess, code: number): number {
    this.#code = undefined;
    launcher.stdin.close().catch(() => {}); // its other end is gone
    if (this.o.keep && this.#wanted) {
      this.#restart = setTimeout(() => this.start(), RESTART_MS);
    }
    return code;
  }

  #exists(path: string): boolean {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      missing(error);
      return false;
    }
  }

  #said(): string {
    const bytes = Deno.readFileSync(this.#log);
    return new TextDecoder().decode(bytes.subarray(this.#since));
  }
}

function missing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
  return undefined;
}
