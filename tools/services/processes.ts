/** For tests: which processes there are, read from `/proc` of Linux. */

/** A process and what it was called with. */
export interface ProcessSeen {
  readonly pid: number;
  readonly parent: number;
  /** Its arguments, joined by spaces; empty once it has ended and nobody has looked. */
  readonly arguments: string;
}

/** Every process that runs now. */
export function processes(): ProcessSeen[] {
  const seen: ProcessSeen[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") continue;
      const called = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      seen.push({ pid: Number(name), parent: Number(parent), arguments: called });
    } catch (error) {
      if (!hasEnded(error)) throw error;
    }
  }
  return seen;
}

/** The processes that a process started, and those that these started. */
export function descendants(pid: number): ProcessSeen[] {
  const all = processes();
  const found = [pid];
  for (const parent of found) { // grows while it is walked
    found.push(...all.filter((one) => one.parent === parent).map((one) => one.pid));
  }
  return all.filter((one) => one.pid !== pid && found.includes(one.pid));
}

/** Waits until none of them is left; fails after `limitMs` with those that are. */
export async function untilGone(pids: readonly number[], limitMs = 10_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const left = processes().filter(({ pid }) => pids.includes(pid));
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`still there: ${left.map((one) => one.arguments).join("; ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Between listing a process and reading about it. */
function hasEnded(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof Error && "code" in error && error.code === "ESRCH");
}
