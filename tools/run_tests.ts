/**
 * All tests that can run on this machine, on servers and compilers that it has or gets, and one
 * closing line that counts them. `deno task test [FILTER...]`: the arguments go to `deno test`.
 */

import { startTestServices } from "./services/mod.ts";
import { installToolchains } from "./services/toolchains.ts";

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed(?:.*?\| (\d+) ignored)?/;
const ESCAPES = new RegExp(String.raw`\u001b\[[0-9;]*m`, "g");
/** How long the tests may take to end after a signal. */
const GRACE_MS = 10_000;

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stop.abort(signal));
}
Deno.exit(await run());

async function run(): Promise<number> {
  const compilers = installToolchains();
  await using services = await startTestServices();
  const missing = [...services.skipped, ...await compilers];
  for (const { name, reason } of missing) console.log(`without ${name}: ${reason}`);
  if (stop.signal.aborted) return exitCode(stop.signal.reason);

  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--parallel", "--sanitize-ops", "--sanitize-resources", ...Deno.args],
    stdout: "piped",
    env: { DENO_JOBS: Deno.env.get("DENO_JOBS") ?? "2", ...services.env },
  }).spawn();
  let harder: ReturnType<typeof setTimeout> | undefined;
  stop.signal.addEventListener("abort", () => {
    child.kill(stop.signal.reason);
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
  return stop.signal.aborted ? exitCode(stop.signal.reason) : code;
}

/** As a shell counts a process that a signal ended. */
function exitCode(signal: "SIGINT" | "SIGTERM"): number {
  return signal === "SIGINT" ? 130 : 143;
}
