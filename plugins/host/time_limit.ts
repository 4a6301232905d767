/**
 * Interrupts guest code at its time limit. `node:vm` is the only thing that can: ending a worker
 * does not stop a loop that runs in it. Its watchdog is a thread, and costs as much as a small call;
 * so calls that are over sooner share one.
 */

import vm from "node:vm";

/** What is added to a limit that several calls share: each of them has all of its own. */
const SHARED = 0.1;
/** No call begins later than this after the first of those that share a limit, in milliseconds. */
const TOGETHER_MS = 2;

/**
 * The watchdog strikes so much later than the limit, in milliseconds. One that strikes at the moment
 * in which the code is over ends, in Deno, whatever runs next (2.9.6: `node:vm` takes the request
 * back only where it ended something): a worker, which is replaced, or the process. That moment
 * takes microseconds; only a thread that stands still in it for longer than this meets the watchdog.
 */
const SLACK_MS = "WorkerGlobalScope" in globalThis ? 50 : 250;
/** Code that is over so shortly before the watchdog strikes waits for it, in milliseconds. */
const NEAR_MS = 20;
/**
 * It waits no longer than this: of two watchdogs that strike in the same moment, one inside of the
 * other, the inner takes both strikes back.
 */
const LONGEST_WAIT_MS = 1_000;

const sandbox: { run: (() => unknown) | undefined } = { run: undefined };
const context = vm.createContext(sandbox);
const script = new vm.Script("run()");
/** The limit that the calls share that run now, and when the watchdog ends them. */
let shared: { readonly limitMs: number; readonly end: number } | undefined;

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

function watched<T>(limitMs: number, run: () => T, watchMs: number): T {
  const outer = sandbox.run;
  const timeout = Math.ceil(watchMs) + SLACK_MS;
  const near = performance.now() + timeout - NEAR_MS;
  sandbox.run = () => {
    try {
      return run();
    } finally { // which does not run in code that is interrupted
      const over = performance.now();
      if (over > near) { while (performance.now() < over + LONGEST_WAIT_MS); }
    }
  };
  try {
    return script.runInContext(context, { timeout });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new TimeLimitExceeded(`interrupted after ${Math.ceil(limitMs)} ms`, { cause: error });
  } finally {
    sandbox.run = outer;
  }
}

/**
 * Runs synchronous code for `limitMs` milliseconds, and a quarter of a second more at most. Inside of
 * {@linkcode runTogether} with the same limit it is that which interrupts, and throws.
 *
 * @throws TimeLimitExceeded, or whatever `run` throws
 */
export function withTimeLimit<T>(limitMs: number, run: () => T): T {
  if (shared?.limitMs === limitMs && shared.end - performance.now() >= limitMs) return run();
  return watched(limitMs, run, limitMs);
}

/**
 * Calls `step`, and again while it returns true and little time has passed. Each may run for
 * `limitMs`, and a tenth and a quarter of a second longer at most.
 *
 * @throws TimeLimitExceeded when a step was interrupted: nothing after it ran
 */
export function runTogether(limitMs: number, step: () => boolean): void {
  const began = performance.now();
  const lastStart = began + Math.min(TOGETHER_MS, limitMs * SHARED);
  const watchMs = limitMs * (1 + SHARED);
  shared = { limitMs, end: began + watchMs };
  try {
    watched(limitMs, () => {
      while (step() && performance.now() < lastStart);
    }, watchMs);
  } finally {
    shared = undefined;
  }
}
