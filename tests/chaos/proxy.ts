/**
 * A TCP proxy on loopback that does to a connection what networks do: delay, reset, cut in the
 * middle of a frame, silence, refusal. It forwards bytes as they come and knows no protocol.
 */

import net from "node:net";

/** Where the server listens. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** A proxy in front of one server. Each fault holds until {@linkcode Proxy.heal}. */
export interface Proxy extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Open connections of clients. */
  readonly connections: number;
  /** Everything, in both directions, arrives so many milliseconds later; the rate stays. */
  delay(ms: number): void;
  /** Ends every connection of now by RST, on both sides. New ones are taken. */
  reset(): void;
  /**
   * Each connection of now ends by RST after the first half of the next chunk that crosses it.
   * Resolves when all have ended.
   */
  cutMidFrame(): Promise<void>;
  /** Connections stay and are accepted, and nothing crosses, not even an end; bytes wait. */
  halfOpen(): void;
  /** New connections are refused; those of now stay. */
  refuse(): Promise<void>;
  /** Ends the faults; what waited arrives. */
  heal(): Promise<void>;
}

/** What all connections are subject to. */
interface Faults {
  delayMs: number;
  /** Pending while nothing may cross. */
  open: PromiseWithResolvers<void> | undefined;
}

/** Starts a proxy; it listens when this resolves. */
export async function startProxy(target: Target): Promise<Proxy> {
  const faults: Faults = { delayMs: 0, open: undefined };
  const links = new Set<Link>();
  const accept = (client: net.Socket) => {
    const server = net.connect({ host: target.hostname, port: target.port, allowHalfOpen: true });
    const link = new Link(client, server, faults, () => links.delete(link));
    links.add(link);
  };
  let listener = await listen(0, accept);
  const { port } = listener.address() as net.AddressInfo;
  const through = () => {
    faults.open?.resolve();
    faults.open = undefined;
  };
  let refusing = false;
  return {
    port,
    get connections() {
      return links.size;
    },
    delay: (ms) => void (faults.delayMs = ms),
    reset: () => links.forEach((link) => link.reset()),
    async cutMidFrame() {
      await Promise.all([...links].map((link) => link.cutNext()));
    },
    halfOpen: () => void (faults.open ??= Promise.withResolvers()),
    async refuse() {
      if (refusing) return;
      refusing = true;
      listener.close(); // its callback would wait for the connections, which stay
      await new Promise((closed) => setImmediate(closed));
    },
    async heal() {
      faults.delayMs = 0;
      through();
      if (refusing) listener = await listen(port, accept);
      refusing = false;
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) link.reset();
      through();
      if (!refusing) await new Promise((closed) => listener.close(closed));
    },
  };
}

function listen(port: number, accept: (client: net.Socket) => void): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, accept);
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** One client's connection and the server's that belongs to it. */
class Link {
  readonly #ended = Promise.withResolvers<void>();
  #cut = false;

  constructor(
    private readonly client: net.Socket,
    private readonly server: net.Socket,
    private readonly faults: Faults,
    onEnd: () => void,
  ) {
    this.#ended.promise.then(onEnd);
    server.setNoDelay(true);
    for (const socket of [client, server]) {
      socket.on("error", () => this.reset()); // one side is gone: so is the other
      socket.on("close", () => client.destroyed && server.destroyed && this.#ended.resolve());
    }
    this.#forward(client, server);
    this.#forward(server, client);
  }

  reset(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
    this.#ended.resolve();
  }

  cutNext(): Promise<void> {
    this.#cut = true;
    return this.#ended.promise;
  }

  /** Every chunk waits for its time and then for the receiver; reads only so far ahead. */
  #forward(from: net.Socket, to: net.Socket): void {
    let last = Promise.resolve();
    let waiting = 0;
    const inTurn = (act: () => Promise<void>) => {
      const due = performance.now() + this.faults.delayMs;
      last = last.then(async () => {
        await this.#until(due);
        if (!to.destroyed) await act();
      });
    };
    from.on("data", (chunk: Uint8Array) => {
      waiting += chunk.length;
      if (waiting > MOST_WAITING) from.pause();
      inTurn(async () => {
        if (this.#cut) return this.#cutAfter(to, chunk.subarray(0, chunk.length >> 1));
        if (!to.write(chunk)) await drained(to);
        waiting -= chunk.length;
        if (waiting <= MOST_WAITING) from.resume();
      });
    });
    from.on("end", () => inTurn(() => Promise.resolve(void to.end())));
  }

  #cutAfter(to: net.Socket, half: Uint8Array): void {
    if (half.length === 0) return this.reset();
    to.write(half, () => this.reset());
  }

  async #until(due: number): Promise<void> {
    const ms = due - performance.now();
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    while (this.faults.open !== undefined) await this.faults.open.promise;
  }
}

/** Bytes that a direction may hold back. */
const MOST_WAITING = 1024 * 1024;

function drained(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
