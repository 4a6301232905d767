/** The process under test: started with an environment, watched, and ended whatever happens. */

import { join } from "node:path";
import { expect, Fault } from "./fault.ts";
import { PATIENCE_MS } from "./peer.ts";
import { until, within } from "./wait.ts";

/** A runtime as a command, and how it is told which handler to serve. */
export interface Target {
  readonly command: readonly string[];
  /** ASYA_HANDLER, with `{}` where the conformance handler's name goes. */
  readonly handler: string;
}

/** What a case needs a runtime to be. */
export interface Setup {
  /** A conformance handler of README.md. */
  readonly handler: string;
  /** Further variables; they win. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Bounds that make a test of patience short. */
const QUICK: Readonly<Record<string, string>> = {
  ASYA_SHUTDOWN_GRACE: "20s",
  ASYA_CANCEL_GRACE: "5s",
  ASYA_LOG_LEVEL: "ERROR",
  PYTHONDONTWRITEBYTECODE: "1",
};
/** The most of a process' output that is kept. */
const OUTPUT_CHARACTERS = 20_000;
const LEAVE_MS = 1_500;

/** A running runtime. */
export class Subject implements AsyncDisposable {
  #output = "";
  #exited = false;
  readonly status: Promise<Deno.CommandStatus>;
  readonly #piped: Promise<unknown>;

  private constructor(
    private readonly child: Deno.ChildProcess,
    readonly folder: string,
    readonly socket: string,
    private readonly ownsFolder: boolean,
  ) {
    this.#piped = Promise.all([this.#keep(child.stdout), this.#keep(child.stderr)]);
    this.status = child.status.then((status) => {
      this.#exited = true;
      return status;
    });
  }

  /** Starts it, in `folder` or in a fresh one. @throws Fault when the command cannot be run */
  static async start(target: Target, setup: Setup, folder?: string): Promise<Subject> {
    const dir = folder ?? await Deno.makeTempDir({ prefix: "asya" });
    const env: Record<string, string> = {
      ...QUICK,
      ASYA_SOCKET_DIR: dir,
      ASYA_HANDLER: target.handler.replaceAll("{}", setup.handler),
      ...setup.env,
    };
    const socket = join(
      env.ASYA_SOCKET_DIR ?? dir,
      env.ASYA_SOCKET_NAME || "asya-runtime.sock",
    );
    const [command, ...args] = target.command;
    try {
      const options = { args, env, stdin: "null", stdout: "piped", stderr: "piped" } as const;
      const child = new Deno.Command(command!, options).spawn();
      return new Subject(child, dir, socket, folder === undefined);
    } catch (error) {
      if (folder === undefined) await Deno.remove(dir, { recursive: true });
      throw new Fault("a command that can be started", String(error));
    }
  }

  /** Starts it and waits until it is ready. @throws Fault */
  static async ready(target: Target, setup: Setup, folder?: string): Promise<Subject> {
    const subject = await Subject.start(target, setup, folder);
    try {
      await subject.isReady();
      return subject;
    } catch (error) {
      await subject[Symbol.asyncDispose]();
      throw error;
    }
  }

  get exited(): boolean {
    return this.#exited;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** What it printed, both streams. */
  get output(): string {
    return this.#output;
  }

  /** The last line that it printed. */
  get lastLine(): string {
    return this.#output.trimEnd().split("\n").at(-1) ?? "";
  }

  /** A file of its folder; undefined where there is none. */
  async file(name: string): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(join(this.folder, name));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** Whether the folder has such a file, the socket included. */
  async has(name: string): Promise<boolean> {
    try {
      await Deno.lstat(join(this.folder, name));
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Waits for `runtime-ready`. @throws Fault */
  async isReady(ms = PATIENCE_MS): Promise<void> {
    await until(
      async () => {
        expect(!this.#exited, "a runtime that becomes ready", `its exit: ${this.lastLine}`);
        return await this.has("runtime-ready") || undefined;
      },
      "runtime-ready",
      ms,
    );
  }

  /** Sends a signal, if it still runs. */
  signal(signal: Deno.Signal): void {
    if (!this.#exited) this.child.kill(signal);
  }

  /** Waits for its end; the exit code, 128 more than the number of a signal. @throws Fault */
  async exit(expected: string, ms = PATIENCE_MS): Promise<number> {
    const late = (): never => {
      throw new Fault(`${expected} within ${ms} ms`, "a process that goes on");
    };
    const { code } = await within(this.status, ms, late);
    await within(this.#piped, 1_000, () => undefined);
    return code;
  }

  /** Writes what a sidecar writes when it has drained. */
  async sayDone(): Promise<void> {
    await Deno.writeTextFile(join(this.folder, "sidecar-done"), "");
  }

  async #keep(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS);
    }
  }

  /** Ends it, politely at first. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#exited) {
      await this.sayDone().catch(() => undefined); // its folder may be what a case took away
      this.signal("SIGTERM");
      await within<unknown>(this.status, LEAVE_MS, () => this.signal("SIGKILL"));
    }
    await this.status;
    await within(this.#piped, 1_000, () => undefined);
    if (this.ownsFolder) await Deno.remove(this.folder, { recursive: true });
  }
}
