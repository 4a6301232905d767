/** How fast a counter rises, over the last few seconds. */

const WINDOW_MS = 5_000;
const MAX_SAMPLES = 50;

/** Give it the counter whenever you look; it remembers enough to tell the rate. */
export class Rate {
  readonly #samples: { at: number; count: number }[] = [];

  /** @param now milliseconds, from any fixed start. @returns per second */
  of(count: number, now: number): number {
    const samples = this.#samples;
    while (samples.length > 1 && samples[1]!.at <= now - WINDOW_MS) samples.shift();
    const last = samples.at(-1);
    if (!last || now - last.at >= WINDOW_MS / MAX_SAMPLES) samples.push({ at: now, count });
    const first = samples[0]!;
    const seconds = (now - first.at) / 1_000;
    return seconds < 0.2 ? 0 : (count - first.count) / seconds;
  }
}
