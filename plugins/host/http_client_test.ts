import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { parseAllowedHosts } from "./allowed_hosts.ts";
import type { HttpReply, HttpRequest } from "./http.ts";
import { httpCall, type HttpOptions } from "./http_client.ts";
import { get } from "./testdata/host_bridge.ts";
import { hasNoOpenssl, makeCertificate } from "./testdata/host_certificate.ts";
import { flood, serve, serveRaw } from "./testdata/host_server.ts";
import { soon } from "./testdata/host_soon.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Of a server on loopback, which is allowed; all names are 127.0.0.1. */
function ask(
  request: HttpRequest,
  allowed: readonly string[],
  options: Partial<HttpOptions> = {},
): Promise<HttpReply> {
  return httpCall(request, {
    allowed: parseAllowedHosts(allowed),
    timeoutMs: 10_000,
    maxReplyBytes: 100_000,
    signal: new AbortController().signal,
    lookup: () => Promise.resolve(["127.0.0.1"]),
    ...options,
  });
}

/** Asks a server that writes such bytes. */
async function askRaw(
  write: (socket: Socket) => void,
  options: Partial<HttpOptions> = {},
): Promise<HttpReply> {
  await using server = await serveRaw(write);
  const host = `127.0.0.1:${server.port}`;
  return await ask(get(`http://${host}/`), [`private:${host}`], options);
}

const OK = "HTTP/1.1 200 OK\r\n";

Deno.test("httpCall() sends what the guest asks for, and nothing that is the connection's", async () => {
  await using server = serve(async (request) =>
    Response.json({
      method: request.method,
      url: new URL(request.url).pathname + new URL(request.url).search,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    }, { status: 418, headers: [["x-a", "1"], ["x-a", "2"], ["X-Upper", "é"]] })
  );
  const host = `api.test:${server.port}`;
  const reply = await ask({
    method: "PUT",
    url: `http://${host}/a%20b?c=d#e`,
    headers: {
      "X-Mine": "yes",
      host: "other.test",
      Connection: "keep-alive",
      "content-length": "999",
      "Transfer-Encoding": "chunked",
      expect: "100-continue",
      upgrade: "websocket",
      TE: "trailers",
    },
    body: encode("grüße"),
  }, [`private:${host}`]);
  assert.equal(reply.status, 418);
  assert.equal(reply.headers["x-a"], "1, 2");
  assert.deepEqual(JSON.parse(new TextDecoder().decode(reply.body)), {
    method: "PUT",
    url: "/a%20b?c=d",
    headers: { "x-mine": "yes", host, connection: "close", "content-length": "7" },
    body: "grüße",
  });
});

Deno.test("httpCall() hands out redirects, statuses without body, and packed bodies as they came", async () => {
  const packed = new Uint8Array(gzipSync(new Uint8Array(1_000_000)));
  await using server = serve(({ url }) =>
    url.endsWith("/zip")
      ? new Response(packed, { headers: { "content-encoding": "gzip" } })
      : url.endsWith("/none")
      ? new Response(null, { status: 204 })
      : new Response(null, { status: 302, headers: { location: "http://other.test/" } })
  );
  const host = `127.0.0.1:${server.port}`;
  const of = (path: string, method = "GET") =>
    ask({ ...get(`http://${host}${path}`), method }, [`private:${host}`]);
  const redirect = await of("/");
  assert.equal(redirect.status, 302);
  assert.equal(redirect.headers.location, "http://other.test/");
  assert.equal((await of("/none")).status, 204);
  assert.equal((await of("/zip", "HEAD")).body.length, 0);
  const zip = await of("/zip");
  assert.equal(zip.headers["content-encoding"], "gzip");
  assert.deepEqual(zip.body, packed);
});

Deno.test("httpCall() refuses hosts and addresses that are not allowed, and asks no server", async () => {
  let asked = 0;
  await using server = serve(() => new Response(String(++asked)));
  const host = `name.test:${server.port}`;
  const denied = (allowed: string[], options?: Partial<HttpOptions>) =>
    assert.rejects(ask(get(`http://${host}/`), allowed, options), {
      code: "denied",
      message: /allowedHosts/,
    });
  await denied([]);
  await denied([host]);
  await denied([host], { lookup: () => Promise.resolve(["8.8.8.8", "127.0.0.1"]) });
  await denied([`private:${host}`], {
    lookup: () => Promise.resolve(["127.0.0.1", "169.254.169.254"]),
  });
  assert.equal(asked, 0);
});

Deno.test("httpCall() connects to the addresses that it has checked, even if the name changes", async () => {
  await using server = serve(() => new Response("reached"));
  const host = `name.test:${server.port}`;
  let asked = 0;
  // the second answer would be refused, the second question is never asked
  const lookup = () =>
    Promise.resolve(++asked === 1 ? ["127.0.0.9", "127.0.0.1"] : ["169.254.169.254"]);
  const { body } = await ask(get(`http://${host}/`), [`private:${host}`], { lookup });
  assert.equal(new TextDecoder().decode(body), "reached", "at the second address");
  assert.equal(asked, 1);
  await assert.rejects(ask(get(`http://${host}/`), [`private:${host}`], { lookup }), {
    code: "denied",
    message: /169\.254\.169\.254\) is a metadata service/,
  });
});

Deno.test("httpCall() asks the system for the addresses of a name", async () => {
  await using server = serve(() => new Response("here"));
  const url = `http://localhost:${server.port}/`;
  const options = {
    timeoutMs: 10_000,
    maxReplyBytes: 100,
    signal: new AbortController().signal,
  };
  const allowed = parseAllowedHosts([`private:localhost:${server.port}`]);
  assert.equal((await httpCall(get(url), { ...options, allowed })).status, 200);
  const public_ = parseAllowedHosts([`localhost:${server.port}`]);
  await assert.rejects(httpCall(get(url), { ...options, allowed: public_ }), {
    code: "denied",
    message: /localhost \((127\.0\.0\.1|::1)\) is not a public address/,
  });
});

Deno.test("httpCall() ends a reply that has more than it may have", async () => {
  const limit = { code: "host_limit" };
  const length = (n: number) => `content-length: ${n}\r\n\r\n`;
  const fits = await askRaw((s) => s.end(OK + length(100_000) + "x".repeat(100_000)));
  assert.equal(fits.body.length, 100_000);
  await assert.rejects(
    askRaw((s) => s.end(OK + length(100_001) + "x".repeat(100_001))),
    { code: "host_limit", message: "the reply has more than 100000 bytes" },
  );
  const endless = 100_000_000;
  await assert.rejects(
    askRaw((s) => (s.write(`${OK}\r\n`), flood(s, "x".repeat(65_536), endless))),
    limit,
  );
  const chunked = `${OK}transfer-encoding: chunked\r\n\r\n`;
  const small = "1\r\nx\r\n".repeat(1_000);
  await assert.rejects(askRaw((s) => (s.write(chunked), flood(s, small, endless))), limit);
  await assert.rejects(
    askRaw((s) => (s.write(OK), flood(s, `h: ${"x".repeat(60_000)}\r\n`, endless))),
    { code: "host_limit", message: /16384 bytes of headers/ },
  );
  await assert.rejects(
    askRaw((s) => (s.write(OK), flood(s, "a:\r\n".repeat(9_000), endless))),
    limit,
  );
  await assert.rejects(
    askRaw((s) => (s.write(`${OK}h: `), flood(s, "x".repeat(65_536), endless))),
    limit,
  );
  await assert.rejects(
    askRaw((s) => (s.write(`${chunked}0\r\n`), flood(s, "a: b\r\n".repeat(9_000), endless))),
    limit,
    "trailers",
  );
  await assert.rejects(
    askRaw((s) => flood(s, "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100), endless)),
    { code: "host_limit", message: /interim replies/ },
  );
});

Deno.test("httpCall() says what went wrong on the way, as an HttpError", async () => {
  const broken = { name: "PluginError", code: "guest_error", type: "HttpError" };
  await assert.rejects(askRaw((s) => s.end("garbage\r\n\r\n")), broken);
  await assert.rejects(askRaw((s) => s.end()), broken);
  await assert.rejects(askRaw((s) => s.end(`${OK}content-length: 30\r\n\r\nabc`)), broken);
  const chunked = `${OK}transfer-encoding: chunked\r\n\r\n`;
  for (const cut of ["", "3\r\na", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n"]) {
    await assert.rejects(askRaw((s) => s.end(chunked + cut)), broken, cut);
  }
  await assert.rejects(
    askRaw((s) =>
      s.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
    ),
    { ...broken, message: /changed to another protocol/ },
  );
  let port: number;
  {
    await using server = serve(() => new Response());
    port = server.port;
  }
  const refused = ask(get(`http://127.0.0.1:${port}/?key=secret`), [`private:127.0.0.1:${port}`]);
  await assert.rejects(refused, { ...broken, message: /127\.0\.0\.1:\d+ failed: ECONNREFUSED/ });
  await assert.rejects(refused, (error) => !String(error).includes("secret"));
  const unknown = (lookup: HttpOptions["lookup"]) =>
    ask(get("http://a.com"), ["a.com"], { lookup: lookup! });
  await assert.rejects(unknown(() => Promise.resolve([])), { ...broken, message: /no address/ });
  await assert.rejects(unknown(() => Promise.reject(new Error("ENOTFOUND"))), {
    ...broken,
    message: "HTTP to a.com failed: ENOTFOUND",
  });
});

Deno.test("httpCall() ends in time, wherever it waits", async () => {
  const short = { timeoutMs: 100 };
  const late = { code: "guest_error", type: "HttpError", message: /no whole reply within 100 ms/ };
  await assert.rejects(askRaw(() => {}, short), late);
  await assert.rejects(askRaw((s) => s.write(OK), short), late);
  await assert.rejects(askRaw((s) => s.write(`${OK}content-length: 2\r\n\r\nx`), short), late);
  const lookup = () => new Promise<string[]>(() => {});
  await assert.rejects(ask(get("http://a.com"), ["a.com"], { ...short, lookup }), late);
});

Deno.test("httpCall() rejects and leaves the server when its signal aborts", async () => {
  const aborter = new AbortController();
  const left = Promise.withResolvers<void>();
  await using server = serve(({ signal }) => {
    signal.addEventListener("abort", () => left.resolve());
    aborter.abort();
    return new Promise(() => {});
  });
  const host = `127.0.0.1:${server.port}`;
  const { signal } = aborter;
  const asked = () => ask(get(`http://${host}/`), [`private:${host}`], { signal });
  await assert.rejects(asked(), { code: "cancelled" });
  await soon(left.promise, "the end of the connection");
  await assert.rejects(asked(), { code: "cancelled" }, "aborted before");
});

Deno.test("httpCall() refuses requests that are too large or not quite requests", async () => {
  const request = (change: Partial<HttpRequest>) =>
    ask({ ...get("http://8.8.8.8/"), ...change }, ["8.8.8.8"]);
  const bad = { code: "guest_error", type: "HttpError" };
  for (const method of ["", "get", "CONNECT", "GET /x", "GET\r\nX", "A".repeat(40), "1"]) {
    await assert.rejects(request({ method }), bad, method);
  }
  const header = (name: string, value: string) => request({ headers: { [name]: value } });
  await assert.rejects(header("x", "a\r\nb: c"), bad);
  await assert.rejects(header("x", "a\nb"), bad);
  await assert.rejects(header("x", "\0"), bad);
  await assert.rejects(header("x", "€"), bad);
  await assert.rejects(header("x y", "a"), bad);
  await assert.rejects(header("x:", "a"), bad);
  await assert.rejects(header("", "a"), bad);
  await assert.rejects(header("x", "y".repeat(16_384)), { code: "host_limit" });
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, ""]));
  await assert.rejects(request({ headers: many }), { code: "host_limit", message: /64 headers/ });
});

Deno.test({
  name: "httpCall() verifies the certificate for the name, whatever the address, and uses no proxy",
  ignore: hasNoOpenssl(),
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "asya-https-" });
    try {
      await makeCertificate(folder, "DNS:right.test");
      const [cert, key] = await Promise.all(
        ["cert", "key"].map((name) => Deno.readTextFile(`${folder}/${name}.pem`)),
      );
      const address = { hostname: "127.0.0.1", port: 0, cert: cert!, key: key! };
      await using server = Deno.serve({ ...address, onListen() {} }, () => new Response("hello"));
      await using plain = serve(() => new Response("plain"));
      const hosts = ["right.test", "wrong.test", "127.0.0.1"]
        .map((host) => `${host}:${server.addr.port}`);
      const allowed = [...hosts, `a.test:${plain.port}`].map((host) => `private:${host}`);
      const urls = [`http://a.test:${plain.port}/`, ...hosts.map((host) => `https://${host}/`)];
      const client = new URL("./testdata/host_https_client.ts", import.meta.url);
      const run = async (env: Record<string, string>): Promise<string[]> => {
        const { stdout } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", client.href, allowed.join(), ...urls],
          env,
          stderr: "inherit",
        }).output();
        return JSON.parse(new TextDecoder().decode(stdout));
      };
      const proxy = "http://127.0.0.1:1";
      const [unsecured, right, wrong, literal] = await run({
        NODE_EXTRA_CA_CERTS: `${folder}/cert.pem`,
        NODE_USE_ENV_PROXY: "1",
        HTTP_PROXY: proxy,
        HTTPS_PROXY: proxy,
      });
      assert.equal(unsecured, "plain");
      assert.equal(right, "hello");
      assert.match(wrong!, /HTTP to wrong\.test:\d+ failed: ERR_TLS_CERT_ALTNAME_INVALID/);
      assert.match(literal!, /ERR_TLS_CERT_ALTNAME_INVALID/);
      const [, ...untrusted] = await run({});
      for (const outcome of untrusted) assert.match(outcome, /failed: .*CERT/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
