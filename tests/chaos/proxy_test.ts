import assert from "node:assert/strict";
import { type Proxy, startProxy } from "./proxy.ts";
import { until } from "../project.ts";

/** A server that answers with what it is sent. */
function echo() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const serve = async (conn: Deno.TcpConn) => {
    open.add(conn);
    try {
      await conn.readable.pipeTo(conn.writable);
    } catch {
      // reset by a fault, which is what the tests are about
    } finally {
      open.delete(conn);
    }
  };
  const all: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) all.push(serve(conn));
  })();
  return {
    target: { hostname: "127.0.0.1", port: listener.addr.port },
    open,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of open) conn.close();
      await Promise.all(all);
    },
  };
}

async function connected(proxy: Proxy): Promise<Deno.TcpConn & Disposable> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
  conn.setNoDelay(true);
  return conn;
}

const encoder = new TextEncoder();

async function say(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

/** The next `length` characters, or what came before the end. */
async function hear(conn: Deno.Conn, length: number): Promise<string> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const got = await conn.read(bytes.subarray(at));
    if (got === null) break;
    at += got;
  }
  return new TextDecoder().decode(bytes.subarray(0, at));
}

async function said(conn: Deno.Conn, text: string): Promise<string> {
  await say(conn, text);
  return await hear(conn, text.length);
}

/** Whether a promise is still pending after so many milliseconds. */
async function silentFor(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(true), ms));
  const early = promise.then(() => false, () => false);
  try {
    return await Promise.race([late, early]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("startProxy() forwards both directions byte for byte, and the end of a stream", async () => {
  await using server = echo();
  await using proxy = await startProxy(server.target);
  using conn = await connected(proxy);
  const text = "0123456789".repeat(500_000);
  const sending = say(conn, text);
  assert.equal(await hear(conn, text.length) === text, true);
  await sending;
  assert.equal(proxy.connections, 1);
  await conn.closeWrite();
  assert.equal(await conn.read(new Uint8Array(1)), null);
  await until("the connection is gone", () => proxy.connections === 0);
});

Deno.test("delay() holds each direction back by its time, and not one chunk after the other", async () => {
  await using server = echo();
  await using proxy = await startProxy(server.target);
  using conn = await connected(proxy);
  proxy.delay(100);
  const began = performance.now();
  assert.equal(await said(conn, "there and back"), "there and back");
  const took = performance.now() - began;
  assert.ok(took >= 195, `${took} ms`);
  const text = "x".repeat(2_000_000); // some thirty chunks: 3 s if each waited for the one before
  const sending = say(conn, text);
  assert.equal((await hear(conn, text.length)).length, text.length);
  await sending;
  assert.ok(performance.now() - began < 2_500);
  await proxy.heal();
  const healed = performance.now();
  assert.equal(await said(conn, "soon"), "soon");
  assert.ok(performance.now() - healed < 95);
});

Deno.test("reset() ends connections by RST on both sides and takes new ones", async () => {
  await using server = echo();
  await using proxy = await startProxy(server.target);
  using conn = await connected(proxy);
  assert.equal(await said(conn, "well"), "well");
  proxy.reset();
  await assert.rejects(conn.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  await until("the server knows", () => server.open.size === 0);
  await until("the proxy knows", () => proxy.connections === 0);
  using next = await connected(proxy);
  assert.equal(await said(next, "again"), "again");
});

Deno.test("cutMidFrame() forwards half of the next chunk, then resets; later connections are whole", async () => {
  await using server = echo();
  await using proxy = await startProxy(server.target);
  using conn = await connected(proxy);
  assert.equal(await said(conn, "well"), "well");
  const cut = proxy.cutMidFrame();
  await say(conn, "0123456789");
  await assert.rejects(async () => {
    const rest = await hear(conn, 10);
    throw new Error(`heard ${rest}`);
  }, Deno.errors.ConnectionReset);
  await cut;
  await until("the server knows", () => server.open.size === 0);
  using next = await connected(proxy);
  assert.equal(await said(next, "0123456789"), "0123456789");
});

Deno.test("cutMidFrame() lets the first half through", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using proxy = await startProxy({ hostname: "127.0.0.1", port: listener.addr.port });
  using conn = await connected(proxy);
  using server = await listener.accept();
  listener.close();
  await say(server, "well");
  assert.equal(await hear(conn, 4), "well");
  const cut = proxy.cutMidFrame();
  await say(server, "0123456789");
  assert.equal(await hear(conn, 5), "01234");
  await assert.rejects(conn.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  await cut;
});

Deno.test("halfOpen() accepts and keeps connections, forwards nothing, and heal() lets it through", async () => {
  await using server = echo();
  await using proxy = await startProxy(server.target);
  using conn = await connected(proxy);
  assert.equal(await said(conn, "well"), "well");
  proxy.halfOpen();
  await say(conn, "old");
  const old = hear(conn, 3);
  using young = await connected(proxy);
  await say(young, "new");
  const fresh = hear(young, 3);
  assert.equal(await silentFor(200, Promise.race([old, fresh])), true);
  assert.equal(proxy.connections, 2);
  await proxy.heal();
  assert.deepEqual(await Promise.all([old, fresh]), ["old", "new"]);
});

Deno.test("refuse() refuses new connections and keeps the old until heal()", async () => {
  await using server = echo();
  await using proxy = await startProxy(server.target);
  using conn = await connected(proxy);
  await proxy.refuse();
  await assert.rejects(connected(proxy), Deno.errors.ConnectionRefused);
  assert.equal(await said(conn, "well"), "well");
  await proxy.heal();
  using next = await connected(proxy);
  assert.equal(await said(next, "again"), "again");
});

Deno.test("a server that is away is a connection that ends at once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using proxy = await startProxy({ hostname: "127.0.0.1", port });
  using conn = await connected(proxy);
  await assert.rejects(conn.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  await until("the connection is gone", () => proxy.connections === 0);
});
