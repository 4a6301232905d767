/** Starting a server for tests: until it greets clients, or never. */

const LOOK_MS = 20;

/** A server on its way up. */
export interface Starting {
  /** Whether it takes clients. */
  greets(): Promise<boolean>;
  /** Resolves when its process is gone; how that came about, and the end of its log. */
  ended(): Promise<string>;
  kill(): Promise<void>;
}

/** Starts a server, or leaves nothing of it. */
export async function startedOrGone<Server extends AsyncDisposable & { start(): Promise<void> }>(
  server: Server,
): Promise<Server> {
  try {
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until it greets. A text says why it does not; then it is gone. */
export async function untilItGreets(
  server: Starting,
  limitMs: number,
): Promise<string | undefined> {
  let ended: string | undefined;
  const end = server.ended();
  end.then((how) => ended = how, () => {}); // a rejection is met where the end is awaited
  const deadline = performance.now() + limitMs;
  while (!await server.greets()) {
    if (ended !== undefined) return `did not start: ${ended}`;
    if (performance.now() > deadline) {
      await server.kill();
      return `did not start within ${limitMs} ms: ${await end}`;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return undefined;
}
