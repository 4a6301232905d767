/**
 * One handler's process, kept running: started through the launcher, so that it ends with us
 * whatever happens to us; started again, later each time, when it ends by itself or when the
 * sidecar gives it up by removing `runtime-ready`.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readLines } from "./lines.ts";
import type { Python } from "./python.ts";
import { unlessMissing } from "./state_folder.ts";

const LAUNCHER = fileURLToPath(new URL("./launcher.py", import.meta.url));

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
/** Having lived this long, a process starts from the first delay again. */
const HEALTHY_MS = 10_000;
/** Time for a process that was given up to leave by itself. */
const GIVE_UP_MS = 1_000;
const TAIL_LINES = 20;
/** What a killed process leaves in its folder; all of it would mislead whoever waits for the next one. */
const LEFT_BEHIND = ["runtime-ready", "asya-runtime.sock", "handler.pid", "sidecar-done"];

/** What to run and where. */
export interface HandlerProcessOptions {
  /** Runs the launcher. */
  readonly python: Python;
  /** What serves the handler, found by PATH or absolute, and its arguments. */
  readonly command: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Its socket folder, which this process alone uses. */
  readonly folder: string;
  /** One line of its output, or one about it. */
  readonly say: (line: string) => void;
}

/** `starting` and `ready` are as they sound; `crashed` waits for the next start. */
export type ProcessState = "starting" | "ready" | "crashed" | "stopped";

/** A supervised process. It is running from its construction until `stop`. */
export class HandlerProcess {
  #state: ProcessState = "starting";
  #trouble: string | undefined;
  #starts = 0;
  #child: Deno.ChildProcess | undefined;
  #stopping = false;
  #wake: () => void = () => {};
  readonly #options: HandlerProcessOptions;
  readonly #done: Promise<void>;

  constructor(options: HandlerProcessOptions) {
    this.#options = options;
    this.#done = this.#supervise();
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Why it crashed, in one line. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  /** The handler's process id (not the launcher's); undefined while it is not running. */
  get pid(): number | undefined {
    if (this.#child === undefined) return undefined;
    try {
      return Number(Deno.readTextFileSync(join(this.#options.folder, "handler.pid")));
    } catch (error) {
      unlessMissing(error);
      return undefined;
    }
  }

  /** Asks it to leave, kills it after `graceMs`; resolves when nothing of it is left. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#wake();
    if (this.#child) end(this.#child, graceMs, this.#done);
    await this.#done;
  }

  #enter(state: ProcessState, trouble?: string): void {
    this.#state = state;
    this.#trouble = trouble;
  }

  async #supervise(): Promise<void> {
    let delay = FIRST_DELAY_MS;
    let lastTail = "";
    while (!this.#stopping) {
      this.#enter("starting");
      const began = performance.now();
      const { what, tail } = await this.#run();
      if (this.#stopping) break;
      if (performance.now() - began >= HEALTHY_MS) delay = FIRST_DELAY_MS;
      this.#enter("crashed", what);
      this.#options.say(`${what}; starting again in ${delay / 1_000} s`);
      // The same traceback each time says nothing new. Times and addresses in it do differ.
      const same = tail.join("\n").replace(/[0-9]+/g, "");
      if (same !== lastTail) { for (const line of tail) this.#options.say(line); }
      lastTail = same;
      await this.#pause(delay);
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
    }
    this.#enter("stopped");
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopping) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }

  /** One life of the process; says how it ended, with the output that was not shown yet. */
  async #run(): Promise<{ what: string; tail: string[] }> {
    const { python, command, env, cwd, folder, say } = this.#options;
    // The folder itself stays: the sidecar watches it.
    await Deno.mkdir(folder, { mode: 0o700, recursive: true });
    for (const name of LEFT_BEHIND) await Deno.remove(join(folder, name)).catch(unlessMissing);
    using watcher = Deno.watchFs(folder, { recursive: false });
    let child: Deno.ChildProcess;
    if (this.#stopping) return { what: "not started", tail: [] };
    try {
      child = new Deno.Command(python.path, {
        args: ["-S", "-E", LAUNCHER, join(folder, "handler.pid"), ...command],
        env: { ...env },
        clearEnv: true,
        cwd,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      return { what: `the handler cannot be started: ${String(error)}`, tail: [] };
    }
    this.#child = child;
    this.#starts++;
    // Until it is ready its words are kept: of a process that fails to start, they are told once.
    let held: string[] | undefined = [];
    const hear = (line: string) => {
      if (!held) return say(line);
      held.push(line);
      if (held.length > TAIL_LINES) held.shift();
    };
    const outputs = [readLines(child.stdout, hear), readLines(child.stderr, hear)];
    const watching = this.#watch(watcher, child, () => {
      held?.forEach(say);
      held = undefined;
    });
    const { code, signal } = await child.status;
    watcher.close();
    await watching;
    this.#killLeftovers(signal !== null);
    await Promise.all(outputs);
    await child.stdin.abort().catch(() => {}); // the pipe may have gone with its reader
    this.#child = undefined;
    const how = code > 128 ? `was killed by signal ${code - 128}` : `ended with exit code ${code}`;
    return { what: `the handler's process ${how}`, tail: held ?? [] };
  }

  /** Follows `runtime-ready`: written when the runtime listens, removed to give it up. */
  async #watch(
    watcher: Deno.FsWatcher,
    child: Deno.ChildProcess,
    ready: () => void,
  ): Promise<void> {
    const file = join(this.#options.folder, "runtime-ready");
    for await (const { paths } of watcher) {
      if (!paths.includes(file) || this.#stopping) continue;
      const there = await isThere(file);
      if (there && this.#state === "starting") {
        ready();
        this.#enter("ready");
      } else if (!there && this.#state === "ready") {
        this.#enter("starting");
        end(child, GIVE_UP_MS, child.status);
      }
    }
  }

  /** When somebody killed the launcher, nobody has ended the handler. */
  #killLeftovers(launcherKilled: boolean): void {
    const pid = this.pid;
    if (!launcherKilled || !pid) return;
    try {
      Deno.kill(-pid, "SIGKILL");
    } catch (error) {
      unlessMissing(error);
    }
  }
}

/** The launcher passes SIGTERM on, and kills when its standard input closes. */
function end(child: Deno.ChildProcess, graceMs: number, gone: Promise<unknown>): void {
  try {
    child.kill("SIGTERM");
  } catch (error) {
    if (!(error instanceof TypeError)) unlessMissing(error); // it has ended already
  }
  const timer = setTimeout(() => child.stdin.close().catch(() => {}), graceMs);
  const settled = () => clearTimeout(timer);
  gone.then(settled, settled);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    unlessMissing(error);
    return false;
  }
}
