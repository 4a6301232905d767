/** What a guest may reach by HTTP, and what a server may do to it. */

import assert from "node:assert/strict";
import { loadPlugin } from "./host/load.ts";
import { soon } from "./host/testdata/host_soon.ts";
import { flood, serve, serveRaw } from "./host/testdata/host_server.ts";
import { ask } from "./host/testdata/with_plugin.ts";
import type { Plugin } from "./plugin.ts";
import { adversary, LIMITS } from "./testdata/adversary/cases.ts";
import { Witness } from "./testdata/adversary/witness.ts";

/** For guests that end at another limit than that on time. */
const PATIENT = { ...LIMITS, timeoutMs: 10_000 };

async function withGuest(
  functionName: string,
  allowedHosts: readonly string[],
  use: (plugin: Plugin) => Promise<void>,
  limits = PATIENT,
): Promise<void> {
  await using witness = await Witness.start();
  const plugin = await loadPlugin({
    module: adversary("http.wat"),
    functionName,
    config: {},
    workers: 1,
    level: "worker",
    allowedHosts,
    stateBytes: 0,
    limits,
  });
  try {
    await witness.during(() => use(plugin));
  } finally {
    await plugin.close();
  }
}

function get(plugin: Plugin, url: string): Promise<string> {
  return ask(plugin, JSON.stringify({ url }));
}

Deno.test("Plugin.call() reaches no host that is not in the list, however it is written", async () => {
  let requests = 0;
  await using server = serve(() => new Response(`${++requests}`));
  const { port } = server;
  const hosts = ["127.0.0.1", "localhost", "localhost.", "127.1", "2130706433", "0x7f000001"];
  hosts.push("0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]");
  hosts.push("169.254.169.254", "[fe80::1]", "metadata.google.internal", "127。0。0。1");
  await withGuest("get", ["example.com", "*.example.org"], async (plugin) => {
    for (const host of hosts) {
      await assert.rejects(get(plugin, `http://${host}:${port}/`), { code: "denied" }, host);
    }
    for (const url of ["file:///etc/passwd", "data:,x", "ftp://example.com/"]) {
      await assert.rejects(get(plugin, url), { code: "denied" }, url);
    }
    const disguised = `http://example.com@127.0.0.1:${port}/`;
    await assert.rejects(get(plugin, disguised), { code: "denied" });
  });
  assert.equal(requests, 0);
});

Deno.test("Plugin.call() reaches no private address by a name that is in the list", async () => {
  let requests = 0;
  await using server = serve(() => new Response(`${++requests}`));
  const host = `localhost:${server.port}`;
  await withGuest("get", [host], (plugin) =>
    assert.rejects(get(plugin, `http://${host}/`), {
      code: "denied",
      message: /is not a public address/,
    }));
  assert.equal(requests, 0);
  await withGuest("get", [`private:${host}`], async (plugin) => {
    assert.equal(await get(plugin, `http://${host}/`), "1");
  });
});

Deno.test("loadPlugin() takes no metadata service into its list by chance", async () => {
  await assert.rejects(withGuest("get", ["169.254.169.254"], async () => {}), {
    code: "invalid_allowed_hosts",
  });
});

Deno.test("Plugin.call() does not follow a redirect", async () => {
  let requests = 0;
  await using secret = serve(() => new Response(`${++requests}`));
  const location = `http://127.0.0.1:${secret.port}/`;
  await using server = serve(() => new Response("moved", { status: 302, headers: { location } }));
  const url = `http://127.0.0.1:${server.port}/`;
  const allowed = [`private:127.0.0.1:${server.port}`];
  await withGuest("get", allowed, async (plugin) => assert.equal(await get(plugin, url), "moved"));
  await withGuest(
    "status",
    allowed,
    (plugin) => assert.rejects(get(plugin, url), { message: "status() returned 302" }),
  );
  assert.equal(requests, 0);
});

Deno.test("Plugin.call() ends when a reply has too many bytes, of a body or of headers", async () => {
  const chunk = "x".repeat(65_536);
  await using endless = await serveRaw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n");
    flood(socket, chunk, 1e9);
  });
  await using headers = await serveRaw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    flood(socket, "x-more: and more\r\n", 1e9);
  });
  await using large = serve(() => new Response(new Uint8Array(5_000_000)));
  const allowed = [endless, headers, large].map(({ port }) => `private:127.0.0.1:${port}`);
  await withGuest("get", allowed, async (plugin) => {
    const url = ({ port }: { port: number }) => `http://127.0.0.1:${port}/`;
    await assert.rejects(get(plugin, url(endless)), {
      code: "host_limit",
      message: "the reply has more than 16777216 bytes",
    });
    await assert.rejects(get(plugin, url(headers)), { code: "host_limit", message: /of headers$/ });
    await assert.rejects(get(plugin, url(large)), { code: "memory_limit" });
  });
});

Deno.test("Plugin.call() ends on time when a server answers drop by drop, and leaves it", async () => {
  const left = Promise.withResolvers<void>();
  await using server = await serveRaw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
    const timer = setInterval(() => socket.write("x"), 10);
    socket.once("close", () => {
      clearInterval(timer);
      left.resolve();
    });
  });
  const url = `http://127.0.0.1:${server.port}/`;
  await withGuest("get", [`private:127.0.0.1:${server.port}`], async (plugin) => {
    await assert.rejects(get(plugin, url), { code: /^timeout$|^guest_error$/ });
    await soon(left.promise, "the end of the connection");
  }, LIMITS);
});

Deno.test("Plugin.call() interrupts a guest that spins after a reply, or asks without end", async () => {
  await using server = serve(() => new Response("reply"));
  const url = `http://127.0.0.1:${server.port}/`;
  for (const functionName of ["get_and_spin", "get_again_and_again"]) {
    await withGuest(functionName, [`private:127.0.0.1:${server.port}`], async (plugin) => {
      for (let n = 0; n < 2; n++) await assert.rejects(get(plugin, url), { code: "timeout" });
    }, LIMITS);
  }
});

Deno.test("loadPlugin() gives no HTTP to level inline", async () => {
  const options = {
    module: adversary("http.wat"),
    functionName: "get",
    config: {},
    workers: 1,
    level: "inline",
    stateBytes: 0,
    limits: LIMITS,
  } as const;
  await assert.rejects(loadPlugin({ ...options, allowedHosts: ["example.com"] }), {
    code: "denied",
  });
  const plugin = await loadPlugin({ ...options, allowedHosts: [] });
  await assert.rejects(get(plugin, "http://example.com/"), { code: "denied" });
  await plugin.close();
});
