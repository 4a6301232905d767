/** Looks at a release while it comes up, shows how far it is, and remembers what went wrong. */

import { DeployError, type World } from "./command.ts";
import { type Item, progressLines, progressOf, type Row, type Trouble } from "./progress.ts";
import type { Target } from "./target.ts";
import { ToolError } from "./tool.ts";

const EVERY_MS = 2_000;

/** Lines of a failed container's log that are kept. */
const LOG_LINES = 12;

/** Containers whose logs are kept: enough to see what is wrong. */
const MOST_LOGS = 5;

const KINDS = "deployments,statefulsets,pods,asyncactors.asya.sh";

/** Shows a release and keeps its troubles, which are gone once Helm has taken it back. */
export class ReleaseWatch {
  readonly #logs = new Map<string, string>();
  #rows: readonly Row[] = [];
  #troubles: readonly Trouble[] = [];

  constructor(readonly target: Target, readonly world: World) {}

  /** Looks once. @returns whether everything is ready */
  async look(): Promise<boolean> {
    const { target, world: { run, terminal } } = this;
    const { code, out } = await run([...target.kubectl, "get", KINDS, "-o", "json"]);
    if (code !== 0) return false; // the next look may be luckier; Helm has the last word
    const progress = progressOf(JSON.parse(out).items as Item[], target.release);
    for (const trouble of progress.troubles) await this.#keepLog(trouble);
    if (progress.rows.length > 0) this.#rows = progress.rows;
    if (progress.troubles.length > 0) this.#troubles = progress.troubles;
    terminal.block(progressLines(progress, terminal.paint));
    return progress.rows.length > 0 && progress.rows.every(({ ready }) => ready);
  }

  async #keepLog({ pod, container, hasLog, restarts }: Trouble): Promise<void> {
    const key = `${pod} ${container}`;
    if (!hasLog || (this.#logs.size >= MOST_LOGS && !this.#logs.has(key))) return;
    const logs = [...this.target.kubectl, "logs", pod, "-c", container, `--tail=${LOG_LINES}`];
    const before = restarts > 0 ? ["--previous"] : [];
    const { code, out } = await this.world.run([...logs, ...before]);
    if (code === 0 && out.trim() !== "") this.#logs.set(key, out.trimEnd());
  }

  /**
   * Looks until a piece of work is over.
   *
   * @throws what the work throws
   */
  async during<T>(work: Promise<T>): Promise<T> {
    const over = work.then(() => true, () => true);
    while (!await Promise.race([over, pause(EVERY_MS)])) await this.look();
    return await work;
  }

  /**
   * Looks until everything is ready.
   *
   * @throws DeployError when it is not, in time; ToolError when the user interrupts
   */
  async untilReady(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!await this.look()) {
      if (this.world.interrupted.aborted) throw new ToolError("interrupted", "interrupted");
      if (performance.now() > end) {
        throw new DeployError(`not ready after ${Math.round(timeoutMs / 1_000)} s`);
      }
      await pause(EVERY_MS);
    }
  }

  /** What was last seen of what is not ready, with the last lines of logs. */
  whatIsWrong(): string[] {
    return [
      ...this.#rows.filter(({ ready }) => !ready).map(({ name, text }) => `${name}: ${text}`),
      ...this.#troubles.map(({ pod, container, reason }) => `${pod} ${container}: ${reason}`),
      ...[...this.#logs].flatMap(([key, log]) => [
        `last lines of ${key}:`,
        ...log.split("\n").map((line) => `  ${line}`),
      ]),
    ];
  }
}

async function pause(ms: number): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return false;
}
