/** Waiting for a condition, with a bound, and saying what was seen instead. */

const EVERY_MS = 50;

/**
 * Resolves when `look` answers true.
 *
 * @param what what is waited for; asked at the end, so that it can tell what was seen last
 * @throws Error when that does not happen within `limitMs`; whatever `look` throws
 */
export async function waitFor(
  what: () => string,
  look: () => Promise<boolean> | boolean,
  limitMs: number,
  everyMs = EVERY_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!await look()) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
