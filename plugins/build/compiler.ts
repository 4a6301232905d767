/** Runs a compiler: bounded in time and in what is kept of its words, ended with its children. */

/** Longest build: a first one of Rust compiles the standard library. */
const LIMIT_MS = 600_000;
/** What is kept of a compiler's words; the first errors cause the others. */
const KEPT_BYTES = 8 * 1024;

/** A compiler refused the source; the message holds what it printed. */
export class BuildError extends Error {
  /** Always `BuildError`. */
  override readonly name = "BuildError";
  /** Always `build_failed`. */
  readonly code = "build_failed";
  /** `exitCode` is absent where the compiler did not end by itself. */
  constructor(message: string, readonly exitCode?: number) {
    super(message);
  }
}

/** How to run one. */
export interface CompilerOptions {
  /** Its working folder. */
  readonly cwd: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the build. */
  readonly signal: AbortSignal;
}

async function firstOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let left = KEPT_BYTES;
  let dropped = 0;
  for await (const chunk of stream) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    dropped += Math.max(0, chunk.length - left);
    left = Math.max(0, left - chunk.length);
  }
  return dropped > 0 ? `${text}\n(${dropped} more bytes)` : text.trimEnd();
}

/** With all that it started: compilers run others, which would go on. */
function kill(child: Deno.ChildProcess): void {
  try {
    Deno.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // it has just ended
  }
}

/**
 * Runs it to its end.
 *
 * @returns what it printed, which are warnings
 * @throws BuildError; the signal's reason
 */
export async function runCompiler(
  command: string,
  args: readonly string[],
  { cwd, env = {}, signal }: CompilerOptions,
): Promise<string> {
  signal.throwIfAborted();
  const child = new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true, // a group of its own, which can be ended as a whole
  }).spawn();
  const either = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const onAbort = () => kill(child);
  either.addEventListener("abort", onAbort);
  try {
    const [{ code }, ...printed] = await Promise.all([
      child.status,
      firstOf(child.stdout),
      firstOf(child.stderr),
    ]);
    signal.throwIfAborted();
    const output = printed.filter((text) => text !== "").join("\n");
    if (either.aborted) throw new BuildError(`${command} did not end in ${LIMIT_MS / 1_000} s`);
    if (code === 0) return output;
    throw new BuildError(`${output}\n${command} ended with exit code ${code}`.trim(), code);
  } finally {
    either.removeEventListener("abort", onAbort);
  }
}
