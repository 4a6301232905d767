/** Tokens against an issuer that changes its keys, is away, or answers what cannot be used. */

import assert from "node:assert/strict";
import { Tokens } from "@asya/gateway";
import { metadataUrls } from "../../gateway/auth/key_set.ts";
import { fetchJson } from "../../gateway/auth/fetch_json.ts";
import { startGuarded } from "./guarded.ts";
import { startIssuer } from "./issuer.ts";

Deno.test("Tokens.caller() finds a new signing key, and asks for unknown ones once in a while", async () => {
  await using issuer = await startIssuer();
  let now = Date.now();
  const options = { issuer: issuer.url, audiences: [issuer.audience] };
  const tokens = new Tokens(options, () => now);
  const old = await issuer.token();
  assert.equal((await tokens.caller(old)).name, "oauth:ada");
  await issuer.rotate();
  const fresh = await issuer.token();
  await assert.rejects(tokens.caller(fresh), { code: "token_key_unknown" });
  assert.equal(issuer.asked(), 1, "it was asked a moment ago");
  now += 30_000;
  assert.equal((await tokens.caller(fresh)).name, "oauth:ada");
  assert.equal((await tokens.caller(old)).name, "oauth:ada", "the old one is still in the set");
  assert.equal(issuer.asked(), 2);
});

Deno.test("Tokens.caller() bears a clock that is half a minute off, and no more", async () => {
  await using issuer = await startIssuer();
  const issued = Math.floor(Date.now() / 1_000);
  const token = await issuer.token({ claims: { nbf: issued, exp: issued + 60 } });
  let now = 0;
  const options = { issuer: issuer.url, audiences: [issuer.audience] };
  const tokens = new Tokens(options, () => now * 1_000);
  const table: [number, string | undefined][] = [
    [issued - 31, "token_not_yet_valid"],
    [issued - 30, undefined],
    [issued + 89, undefined],
    [issued + 90, "token_expired"],
  ];
  for (const [at, code] of table) {
    now = at;
    if (code === undefined) await tokens.caller(token);
    else await assert.rejects(tokens.caller(token), { code });
  }
});

Deno.test("a token is answered with 503 while the issuer is away, and keys still do", async () => {
  const issuer = await startIssuer();
  const token = await issuer.token();
  await issuer[Symbol.asyncDispose]();
  await using guarded = await startGuarded(issuer);
  const response = await guarded.send("GET", "/tools", { bearer: token });
  const { code } = await response.json();
  assert.deepEqual([response.status, code], [503, "identity_provider_unavailable"]);
  assert.equal(response.headers.get("retry-after"), "2");
  const bearer = await guarded.key();
  assert.equal((await guarded.send("GET", "/tools", { bearer })).status, 200);
});

Deno.test("fetchJson() gives up on what is too long, too slow, elsewhere or no JSON", async () => {
  const over = Promise.withResolvers<void>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request): Promise<Response> => {
      const { pathname } = new URL(request.url);
      if (pathname === "/long") return new Response(`"${"x".repeat(300_000)}"`);
      if (pathname === "/moved") return Response.redirect(request.url.replace("moved", "good"));
      if (pathname === "/text") return new Response("<html>");
      if (pathname === "/error") return new Response("{}", { status: 500 });
      if (pathname === "/slow") {
        await over.promise;
      }
      return Response.json({ good: true });
    },
  );
  const at = (path: string) => `http://127.0.0.1:${server.addr.port}${path}`;
  try {
    assert.deepEqual(await fetchJson(at("/good")), { good: true });
    for (const path of ["/long", "/moved", "/text", "/error"]) {
      await assert.rejects(fetchJson(at(path)), { code: "identity_provider_unavailable" }, path);
    }
    await assert.rejects(fetchJson(at("/slow"), 50), /no answer for 50 ms/);
  } finally {
    over.resolve();
    await server.shutdown();
  }
});

Deno.test("metadataUrls() knows both places, with the path of an issuer that has one", () => {
  assert.deepEqual(metadataUrls("https://id.example.com"), [
    "https://id.example.com/.well-known/openid-configuration",
    "https://id.example.com/.well-known/oauth-authorization-server",
  ]);
  assert.deepEqual(metadataUrls("https://id.example.com/realms/a/"), [
    "https://id.example.com/realms/a/.well-known/openid-configuration",
    "https://id.example.com/.well-known/oauth-authorization-server/realms/a",
  ]);
});
