/** Ports on loopback for servers that must come back on the port they had. */

/**
 * Below the range that systems hand out for outgoing connections (Linux 32768, others 49152): a
 * client that keeps trying a server that is down can be given the server's own port, and then talks
 * to itself and keeps the server out.
 */
const FIRST = 20_000;
const LAST = 29_999;
const TRIES = 100;

/** So many different ports that nobody listens on now. */
export function freePorts(count: number): number[] {
  const listeners: Deno.Listener[] = [];
  try {
    for (let tries = 0; listeners.length < count; tries++) {
      const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
      try {
        listeners.push(Deno.listen({ hostname: "127.0.0.1", port }));
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || tries >= TRIES) throw error;
      }
    }
    return listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  } finally {
    for (const listener of listeners) listener.close();
  }
}
