/** Waiting for a condition, within a bound. */

/**
 * Looks until there is something.
 *
 * @param look returns undefined while there is nothing
 * @param seconds how long at most
 * @param every seconds between two looks
 * @returns what was found; undefined when the time is over
 */
export async function waitFor<T>(
  look: () => Promise<T | undefined>,
  seconds: number,
  every = 1,
): Promise<T | undefined> {
  const end = Date.now() + seconds * 1_000;
  for (;;) {
    const found = await look();
    if (found !== undefined || Date.now() >= end) return found;
    await new Promise((resolve) => setTimeout(resolve, every * 1_000));
  }
}
