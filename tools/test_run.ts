/** One run of `deno test`: what it prints goes on, its closing line is counted, signals reach it. */

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed(?:.*?\| (\d+) ignored)?/;
const ESCAPES = new RegExp(String.raw`\u001b\[[0-9;]*m`, "g");
/** How long the tests may take to end after a signal. */
const GRACE_MS = 10_000;

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stop.abort(signal));
}

/** Something that the tests have to do without, and why. */
export interface Missing {
  readonly name: string;
  readonly reason: string;
}

/** Aborts with the signal that this process was sent. */
export const stopped: AbortSignal = stop.signal;

/** As a shell counts a process that a signal ended. */
export function stopCode(): number {
  return stopped.reason === "SIGINT" ? 130 : 143;
}

/** Runs `deno test` and prints the line that closes the whole run. Resolves with the exit code. */
export async function runTests(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  missing: readonly Missing[],
): Promise<number> {
  for (const { name, reason } of missing) console.log(`without ${name}: ${reason}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--sanitize-ops", "--sanitize-resources", ...args],
    stdout: "piped",
    env,
  }).spawn();
  let harder: ReturnType<typeof setTimeout> | undefined;
  stopped.addEventListener("abort", () => {
    child.kill(stopped.reason);
    harder = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  });

  let counted: RegExpExecArray | undefined;
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    await Deno.stdout.write(new TextEncoder().encode(chunk));
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) counted = SUMMARY.exec(line.replaceAll(ESCAPES, "")) ?? counted;
  }
  const { code } = await child.status;
  clearTimeout(harder);
  const [, passed = "0", failed = code === 0 ? "0" : "1", skipped = "0"] = counted ?? [];
  for (const { name, reason } of missing) console.log(`without ${name}: ${reason}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return stopped.aborted ? stopCode() : code;
}
