/** Gateway processes of their own, for tests that kill them. */

/** A started process. */
export interface GatewayProcess extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string;
  /** Waits for a line on standard output or error. @throws Error when the process ends before */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal and waits for the end; the exit code. */
  stop(signal: Deno.Signal): Promise<number>;
}

function fileOf(module: string): string {
  return new URL(module, import.meta.url).pathname;
}

/** What a process of ours writes, both streams together. */
class Output {
  text = "";
  #waiting: (() => void)[] = [];
  #ended = 0;
  readonly done: Promise<unknown>;

  constructor(streams: readonly ReadableStream<Uint8Array<ArrayBuffer>>[]) {
    this.done = Promise.all(streams.map(async (stream) => {
      for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
        this.text += chunk;
        this.#wake();
      }
      this.#ended++;
      this.#wake();
    }));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async find(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found) return found;
      if (this.#ended === 2) throw new Error(`it ended without ${pattern}:\n${this.text}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** Runs a module of this room to its end; what it wrote and its exit code. */
export async function runModule(
  module: string,
  env: Record<string, string>,
): Promise<{ readonly code: number; readonly text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", fileOf(module)],
    env,
    clearEnv: true,
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: decode(stdout) + decode(stderr) };
}

/**
 * Starts a module of this room that tells its port.
 *
 * @param limit no file may grow beyond so many KiB: a full disk
 */
export async function startModule(
  module: string,
  o: { args?: string[]; env?: Record<string, string>; fileLimit?: number } = {},
): Promise<GatewayProcess> {
  const run = [Deno.execPath(), "run", "-A", fileOf(module), ...o.args ?? []];
  const script = `trap '' XFSZ; ulimit -f ${o.fileLimit ?? "unlimited"}; exec "$@"`;
  const child = new Deno.Command("bash", {
    args: ["-c", script, "bash", ...run],
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "", ...o.env },
    clearEnv: true,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = new Output([child.stdout, child.stderr]);
  let ended = false;
  const stop = async (signal: Deno.Signal) => {
    if (!ended) child.kill(signal);
    ended = true;
    await output.done;
    return (await child.status).code;
  };
  try {
    const [, port] = await output.find(/"?port"?:? ?(\d+)/);
    return {
      url: `http://127.0.0.1:${port}`,
      line: (pattern) => output.find(pattern),
      stop,
      async [Symbol.asyncDispose]() {
        await stop("SIGKILL");
      },
    };
  } catch (error) {
    await stop("SIGKILL");
    throw error;
  }
}
