/** Something done again and again, with pauses that it chooses itself. */

/** A running repetition. */
export interface Repetition {
  /** Ends it; resolves when nothing of it runs. */
  stop(): Promise<void>;
}

/** @param turn returns how long to wait before the next one, in milliseconds; it never rejects */
export function repeat(firstMs: number, turn: () => Promise<number>): Repetition {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: ReturnType<typeof setTimeout>;
  const schedule = (ms: number) => {
    timer = setTimeout(() => {
      running = turn().then((next) => {
        if (!stopped) schedule(next);
      });
    }, ms);
    Deno.unrefTimer(Number(timer));
  };
  schedule(firstMs);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
