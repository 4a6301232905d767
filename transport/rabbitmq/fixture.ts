/** For tests: the brokers that there are, and a wire to one that can be cut. */

/** A broker that tests may use; without `url` they are skipped, for that reason. */
export interface TestBroker {
  readonly name: string;
  readonly url: string | undefined;
  readonly missing: string;
}

/** The broker of this machine, and one of the next generation. */
export const BROKERS: readonly TestBroker[] = [
  ["rabbitmq", "ASYA_TEST_RABBITMQ_URL"],
  ["rabbitmq 4", "ASYA_TEST_RABBITMQ_4_URL"],
].map(([name, variable]) => ({
  name: name!,
  url: Deno.env.get(variable!) || undefined,
  missing: `no ${variable}; deno task test starts a broker where it can`,
}));

/** A listener on loopback that passes everything on to the broker. */
export interface Wire {
  /** The broker's URL by this way. */
  readonly url: string;
  /** Cuts every connection; new ones are taken. */
  cut(): Promise<void>;
  /** Cuts new connections at once, until the end. */
  refuse(): { end(): void };
  /** Cuts everything and takes no more. */
  close(): Promise<void>;
}

/** Lays a wire to the broker at `url`. */
// deno-lint-ignore require-await -- so that it can wait for a listener one day
export async function wire(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();
  const pass = async (near: Deno.TcpConn) => {
    open.add(near);
    const far = await Deno.connect({ hostname, port: Number(port) || 5672 });
    open.add(far);
    far.setNoDelay(true);
    near.setNoDelay(true);
    const one = async (from: Deno.TcpConn, to: Deno.TcpConn) => {
      try {
        await from.readable.pipeTo(to.writable);
      } catch (error) {
        if (!isCut(error)) throw error;
      }
    };
    await Promise.all([one(near, far), one(far, near)]);
    open.delete(near);
    open.delete(far);
  };
  let refusing = false;
  const accepting = (async () => {
    for await (const near of listener) {
      if (refusing) {
        close(near);
        continue;
      }
      const passing = pass(near).finally(() => running.delete(passing));
      running.add(passing);
    }
  })();
  const cut = async () => {
    for (const connection of open) close(connection);
    await Promise.all(running);
    open.clear();
  };
  const address = new URL(url);
  address.hostname = "127.0.0.1";
  address.port = String(listener.addr.port);
  return {
    url: address.href,
    cut,
    refuse() {
      refusing = true;
      return { end: () => refusing = false };
    },
    async close() {
      listener.close();
      await accepting;
      await cut();
    },
  };
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!isCut(error)) throw error;
  }
}

/** One end went away, which is what cutting does to the other. */
function isCut(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected;
}
