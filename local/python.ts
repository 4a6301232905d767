/** Which Python runs the handlers. */

import { LocalError } from "./error.ts";

/** Oldest version that the runtime supports. */
const OLDEST = [3, 8] as const;

/** A Python interpreter. */
export interface Python {
  /** Its executable, absolute: shims of version managers are resolved, which saves their time. */
  readonly path: string;
  /** Major, minor, e.g. `3.13`. */
  readonly version: string;
}

/** It answers within a second, unless the machine is very busy. */
const LONGEST_MS = 20_000;

const MEND = "install Python 3.8 or newer, or set ASYA_PYTHON to its path";

/**
 * Finds `ASYA_PYTHON`, or else `python3`.
 *
 * @param env where `ASYA_PYTHON` and `PATH` are looked up
 * @throws LocalError `no_python` when it is missing or older than 3.8
 */
export async function findPython(env: Readonly<Record<string, string>>): Promise<Python> {
  const command = env["ASYA_PYTHON"] || "python3";
  const script = "import sys; print(sys.executable); print(*sys.version_info[:2], sep='.')";
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, {
      args: ["-E", "-c", script],
      env: { ...env },
      clearEnv: true,
      stdin: "null",
      signal: AbortSignal.timeout(LONGEST_MS),
    }).output();
  } catch (error) {
    throw new LocalError("no_python", `handlers need ${command}: not found; ${MEND}`, {
      cause: error,
    });
  }
  const [path, version] = new TextDecoder().decode(output.stdout).split("\n");
  if (!output.success || !path || !version) {
    throw new LocalError("no_python", `${command} does not work as a Python; ${MEND}`);
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major !== OLDEST[0] || minor < OLDEST[1]) {
    throw new LocalError("no_python", `${command} is Python ${version}, too old; ${MEND}`);
  }
  return { path, version };
}
