/** Bounds of what tests wait for. */

const PATIENCE_MS = 30_000;

/** The same promise, rejected when it takes far too long. */
export function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${what}: not within ${PATIENCE_MS} ms`)),
    PATIENCE_MS,
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves when it holds; looks again every few milliseconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
