/** Programs from npm, each in a process of its own without our lock file. */

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** Both of its streams. */
  readonly text: string;
}

/**
 * Runs one to its end, in an empty folder: a `package.json` above would have it look for modules there.
 *
 * @param o.module an `npm:` specifier, or `-` to run what `input` is
 */
export async function runNpm(
  o: {
    readonly module: string;
    readonly args?: readonly string[];
    readonly input?: string;
    readonly limitMs: number;
  },
): Promise<Ended> {
  const cwd = await Deno.makeTempDir();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--no-config", o.module, ...o.args ?? []],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: o.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), o.limitMs);
  try {
    if (o.input !== undefined) await new Blob([o.input]).stream().pipeTo(child.stdin);
    const { code, ...written } = await child.output();
    const decoder = new TextDecoder();
    const stdout = decoder.decode(written.stdout);
    return { code, stdout, text: stdout + decoder.decode(written.stderr) };
  } finally {
    clearTimeout(timer);
    await Deno.remove(cwd, { recursive: true });
  }
}

/** Longest download, in milliseconds. */
const DOWNLOAD_MS = 60_000;

/** Whether the program can be had; the first time it is downloaded. */
export async function npmHas(module: string): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--no-lock", "--no-config", module],
    cwd: "/",
    signal: AbortSignal.timeout(DOWNLOAD_MS),
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}
