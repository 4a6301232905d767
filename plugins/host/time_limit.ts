/**
 * Interrupts guest code at its time limit. `node:vm` is the only thing that can: ending a worker
 * does not stop a loop that runs in it.
 */

import vm from "node:vm";

const sandbox: { run: (() => unknown) | undefined } = { run: undefined };
const context = vm.createContext(sandbox);
const script = new vm.Script("run()");

/** The code ran into its limit and was interrupted. */
export class TimeLimitExceeded extends Error {
  override readonly name = "TimeLimitExceeded";
  readonly code = "time_limit";
}

/** The error comes from the other context, whose `Error` is another class. */
function isTimeout(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error &&
    error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}

/**
 * Runs synchronous code for at most `limitMs` milliseconds (rounded up, at least 1).
 *
 * @throws TimeLimitExceeded, or whatever `run` throws
 */
export function withTimeLimit<T>(limitMs: number, run: () => T): T {
  sandbox.run = run;
  try {
    return script.runInContext(context, { timeout: Math.max(1, Math.ceil(limitMs)) });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new TimeLimitExceeded(`interrupted after ${Math.ceil(limitMs)} ms`, { cause: error });
  } finally {
    sandbox.run = undefined;
  }
}
