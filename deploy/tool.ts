/** The programs that the work is left to: kubectl, helm, a builder of images. The one place that runs them. */

/** A program is missing, failed, or took too long. */
export class ToolError extends Error {
  /** The class's name. */
  override readonly name = "ToolError";
  /** Of what happened. */
  constructor(
    /** `missing`: not on the PATH; `failed`: its exit code; `timeout`; `interrupted`. */
    readonly code: "missing" | "failed" | "timeout" | "interrupted",
    message: string,
    options?: ErrorOptions & {
      /** What the program itself said. */
      readonly said?: string;
    },
  ) {
    super(message, options);
    this.said = options?.said ?? message;
  }
  /** The program's own words; without any, the message. */
  readonly said: string;
}

/** How a program ended. */
export interface Ran {
  /** 0: it succeeded. */
  readonly code: number;
  /** Its standard output. */
  readonly out: string;
  /** Its standard error. */
  readonly err: string;
}

/** How to run it. */
export interface RunOptions {
  /** Its standard input. */
  readonly input?: string;
  /** Milliseconds after which it is ended. Default 60,000. */
  readonly timeoutMs?: number;
  /** Ends it with SIGTERM. */
  readonly signal?: AbortSignal;
  /** Its working folder. Default: ours. */
  readonly cwd?: string;
  /** Given its output as it comes, both streams, in pieces. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a program, its name first: what {@linkcode runTool} does, and what tests put in its place. */
export type Run = (command: readonly string[], options?: RunOptions) => Promise<Ran>;

async function collect(
  stream: ReadableStream<Uint8Array>,
  onOutput: ((text: string) => void) | undefined,
): Promise<string> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    text += piece;
    onOutput?.(piece);
  }
  return text;
}

function spawn(command: readonly string[], { input, cwd }: RunOptions): Deno.ChildProcess {
  const [program, ...args] = command;
  try {
    return new Deno.Command(program!, {
      args,
      ...cwd === undefined ? {} : { cwd },
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new ToolError("missing", `${program} is not installed, or not on the PATH`, { cause });
  }
}

/** A child that ends without reading its input says why by its exit code. */
async function write(child: Deno.ChildProcess, input: string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/**
 * Runs a program to its end.
 *
 * @throws ToolError `missing`, `timeout`, `interrupted`; an exit code is no error
 */
export async function runTool(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { input, timeoutMs = 60_000, signal, onOutput } = options;
  const shown = command.slice(0, 3).join(" ");
  if (signal?.aborted) throw new ToolError("interrupted", `${shown} was not started: interrupted`);
  const child = spawn(command, options);
  let stopped: "timeout" | "interrupted" | undefined;
  const stop = (why: typeof stopped) => {
    stopped ??= why;
    child.kill("SIGTERM");
  };
  const onAbort = () => stop("interrupted");
  const timer = setTimeout(() => stop("timeout"), timeoutMs);
  signal?.addEventListener("abort", onAbort);
  try {
    const [out, err, { code }] = await Promise.all([
      collect(child.stdout, onOutput),
      collect(child.stderr, onOutput),
      child.status,
      input === undefined ? undefined : write(child, input),
    ]);
    if (stopped === undefined) return { code, out, err };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
  const why = stopped === "timeout" ? `took longer than ${timeoutMs / 1_000} s` : "was interrupted";
  throw new ToolError(stopped, `${shown} ${why}`);
}

/** Log lines that kubectl and helm print before what they have to say. */
const NOISE = /^([EWI]\d{4} |walk\.go:)/;

/**
 * What a program that succeeded printed.
 *
 * @throws ToolError also `failed`, with what it said
 */
export async function outputOf(
  run: Run,
  command: readonly string[],
  options?: RunOptions,
): Promise<string> {
  const { code, out, err } = await run(command, options);
  if (code === 0) return out;
  const lines = (err.trim() || out.trim()).split("\n").filter((line) => !NOISE.test(line));
  const said = lines.slice(-15).join("\n");
  throw new ToolError("failed", `${command[0]} failed (${code}): ${said}`, { said });
}
