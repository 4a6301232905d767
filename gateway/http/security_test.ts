import assert from "node:assert/strict";
import { Hono } from "hono";
import { problemResponse, toGatewayError } from "./problem.ts";
import { crossOrigin, ownHosts, ownSiteOnly, securityHeaders } from "./security.ts";

function appOf(o: { loopback: boolean; hosts?: string[]; origins?: string[]; hsts?: boolean }) {
  const { loopback, origins = [], hsts = false } = o;
  const app = new Hono();
  app.onError((error) => problemResponse(toGatewayError(error)!));
  app.use(securityHeaders({ hsts }));
  app.use(ownSiteOnly({ hosts: ownHosts(loopback, o.hosts), origins, everything: loopback }));
  if (origins.length > 0) app.use(crossOrigin(origins));
  app.all("*", (c) => c.text("in"));
  return async (path: string, headers: Record<string, string>, method = "GET") =>
    await app.request(path, { method, headers });
}

Deno.test("ownSiteOnly() lets in by its own names and origins, on loopback and elsewhere", async () => {
  const local = appOf({ loopback: true, origins: ["https://app.test"] });
  const named = appOf({ loopback: false, hosts: ["gw.test", "[::1]"] });
  const open = appOf({ loopback: false });
  const table: [typeof local, string, Record<string, string>, number][] = [
    [local, "/tools", { host: "localhost:8080" }, 200],
    [local, "/tools", { host: "[::1]:8080", origin: "http://127.0.0.1:3000" }, 200],
    [local, "/tools", { host: "localhost", origin: "https://app.test" }, 200],
    [local, "/tools", { host: "evil.test" }, 403],
    [local, "/health", { host: "evil.test" }, 403],
    [local, "/tools", { host: "localhost", origin: "https://evil.test" }, 403],
    [local, "/tools", { host: "localhost", origin: "null" }, 403],
    [local, "/tools", { host: "localhost.evil.test" }, 403],
    [local, "/tools", { host: "localhost@evil.test" }, 403],
    [named, "/tools", { host: "gw.test:443", origin: "https://gw.test" }, 200],
    [named, "/tools", { host: "10.0.0.7:8080" }, 403],
    [named, "/health/ready", { host: "10.0.0.7:8080" }, 200],
    [named, "/tools", { host: "gw.test", origin: "https://evil.test" }, 403],
    [open, "/tools", { host: "anything" }, 200],
    [open, "/tools", { host: "anything", origin: "https://evil.test" }, 200],
  ];
  for (const [ask, path, headers, status] of table) {
    const response = await ask(path, headers);
    assert.equal(response.status, status, `${path} ${JSON.stringify(headers)}`);
    if (status === 403) assert.equal((await response.json()).code, "foreign_origin");
  }
  const report = await named("/reports", { host: "10.0.0.7:8080" }, "POST");
  assert.equal(report.status, 200, "sidecars come by any name");
});

Deno.test("crossOrigin() answers the preflight of its origins alone", async () => {
  const ask = appOf({ loopback: false, origins: ["https://app.test"] });
  const preflight = (origin: string) =>
    ask("/tools/call", {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    }, "OPTIONS");
  const good = await preflight("https://app.test");
  assert.equal(good.status, 204);
  assert.equal(good.headers.get("access-control-allow-origin"), "https://app.test");
  assert.match(good.headers.get("access-control-allow-headers") ?? "", /authorization/);
  assert.equal(good.headers.get("access-control-allow-credentials"), null);
  const bad = await preflight("https://evil.test");
  assert.equal(bad.headers.get("access-control-allow-origin"), null);
});

Deno.test("securityHeaders() are on every answer, an error too", async () => {
  const response = await appOf({ loopback: true })("/x", { host: "evil.test" });
  assert.equal(response.status, 403);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.equal(response.headers.get("referrer-policy"), "no-referrer");
  assert.match(response.headers.get("content-security-policy")!, /frame-ancestors 'none'/);
  assert.equal(response.headers.get("strict-transport-security"), null);
  const strict = await appOf({ loopback: false, hsts: true })("/x", {});
  assert.equal(strict.headers.get("strict-transport-security"), "max-age=31536000");
});
