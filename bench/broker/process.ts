/** Processes of a bench: started, measured from outside, stopped. */

const ROOT = new URL("../..", import.meta.url).pathname;
/** How long a process may take to end by itself. */
const GRACE_MS = 5_000;
/** What the kernel counts a process's time in, per second. */
const TICKS = 100;

/** A child that ends with its scope. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #ended = false;

  constructor(command: string, options: Deno.CommandOptions) {
    // What a process complains about explains a missing figure.
    this.#child = new Deno.Command(command, {
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
      ...options,
    }).spawn();
    this.#child.status.then(() => this.#ended = true);
  }

  /** A module of this checkout, in Deno. */
  static module(path: string, o: { args?: string[]; env?: Record<string, string> }): Process {
    const args = ["run", "-A", `--config=${ROOT}deno.json`, `${ROOT}${path}`, ...o.args ?? []];
    return new Process(Deno.execPath(), { args, env: o.env ?? {} });
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Stands still. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  /** Goes on. */
  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** Processor time since its start, all threads, in milliseconds. */
  get cpuMs(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.#child.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS;
  }

  /** Resident memory in MB. */
  get residentMB(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/VmRSS:\s+([0-9]+) kB/.exec(status)![1]) / 1024;
  }

  /** Ends it, by force where it does not want to. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#child.kill("SIGTERM");
    this.#child.kill("SIGCONT");
    const force = setTimeout(() => this.#child.kill("SIGKILL"), GRACE_MS);
    await this.#child.status;
    clearTimeout(force);
  }
}
