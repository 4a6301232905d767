/** The lines that an actor's handlers print, also those of pods that have gone since. */

import type { Stage } from "./stage.ts";

const LOOK_MS = 500;

/** Follows the logs of all pods of an actor, as they come. */
export class PodLogs implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #children = new Map<string, Deno.ChildProcess>();
  readonly #readings: Promise<void>[] = [];
  readonly #end = new AbortController();
  readonly #looking: Promise<void>;

  constructor(stage: Stage, actor: string) {
    this.#looking = this.#look(stage, actor);
  }

  async #look(stage: Stage, actor: string): Promise<void> {
    while (!this.#end.signal.aborted) {
      for (const { metadata: { name }, status } of await stage.pods(actor)) {
        const runtime = status.containerStatuses?.find((one: { name: string }) =>
          one.name === "asya-runtime"
        );
        if (runtime?.state?.running) this.#follow(stage, name, runtime.containerID);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** A container that is started again is another one, with a log of its own. */
  #follow({ namespace }: Stage, pod: string, id: string): void {
    if (this.#children.has(id)) return;
    const args = ["-n", namespace, "logs", "-f", pod, "-c", "asya-runtime"];
    const options = { args, stdin: "null", stdout: "piped", stderr: "null" } as const;
    const child = new Deno.Command("kubectl", options).spawn();
    this.#children.set(id, child);
    this.#readings.push((async () => {
      let rest = "";
      for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + piece).split("\n");
        rest = lines.pop()!;
        this.lines.push(...lines);
      }
      await child.status;
    })());
  }

  /** How many lines were printed that begin with a word. */
  total(word: string): number {
    return Object.values(this.counts(word)).reduce((sum, count) => sum + count, 0);
  }

  /** How often each line was printed that begins with a word. */
  counts(word: string): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const line of this.lines) {
      if (line.startsWith(`${word} `)) counts[line] = (counts[line] ?? 0) + 1;
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#looking;
    for (const child of this.#children.values()) {
      try {
        child.kill("SIGTERM");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended
      }
    }
    await Promise.all(this.#readings);
  }
}
