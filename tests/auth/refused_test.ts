/** Bad keys and tokens on every kind of route: the right status, a problem, and nothing happens. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { until } from "../../gateway/testing/harness.ts";
import { type Guarded, MESH, startGuarded } from "./guarded.ts";
import { type Issuer, startIssuer } from "./issuer.ts";

const CALL = '{"name":"echo","arguments":{"text":"hi"}}';
const RPC = (method: string, params: unknown) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
const MCP_CALL = RPC("tools/call", { name: "echo", arguments: { text: "hi" } });

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token that was not made by the issuer. */
function forged(header: unknown, claims: unknown, sign: (input: string) => string): string {
  const input = `${base64(header)}.${base64(claims)}`;
  return `${input}.${sign(input)}`;
}

/** Everything that is not good, with the `code` that says why. */
async function badCredentials(
  issuer: Issuer,
  guarded: Guarded,
): Promise<[string, string, string][]> {
  const now = Math.floor(Date.now() / 1_000);
  const good = await issuer.token();
  const claims = JSON.parse(Buffer.from(good.split(".")[1]!, "base64url").toString());
  await using stranger = await startIssuer();
  const key = await guarded.key();
  const hmac = (secret: string) => (input: string) =>
    createHmac("sha256", secret).update(input).digest("base64url");
  return [
    ["expired", await issuer.token({ claims: { exp: now - 31 } }), "token_expired"],
    ["without an expiry", await issuer.token({ without: ["exp"] }), "token_claims"],
    ["not yet valid", await issuer.token({ claims: { nbf: now + 90 } }), "token_not_yet_valid"],
    ["for another", await issuer.token({ claims: { aud: "https://x.test" } }), "token_audience"],
    ["for nobody", await issuer.token({ without: ["aud"] }), "token_audience"],
    ["of another", await issuer.token({ claims: { iss: "https://x.test" } }), "token_issuer"],
    ["of nobody in particular", await issuer.token({ without: ["sub"] }), "token_claims"],
    ["alg none", forged({ alg: "none" }, claims, () => ""), "token_algorithm"],
    ["alg nOnE", forged({ alg: "nOnE" }, claims, () => ""), "token_algorithm"],
    [
      "HS256 with the public key",
      forged({ alg: "HS256", kid: "k1" }, claims, hmac(issuer.publicPem)),
      "token_algorithm",
    ],
    ["an unknown kid", await issuer.token({ kid: "k9" }), "token_key_unknown"],
    [
      "signed by a stranger",
      await stranger.token({ claims: { iss: issuer.url } }),
      "token_signature",
    ],
    [
      "changed",
      good.replace(/\.[^.]*\./, `.${base64({ ...claims, sub: "root" })}.`),
      "token_signature",
    ],
    ["truncated", good.slice(0, -20), "token_signature"],
    ["half", good.split(".").slice(0, 2).join("."), "token_malformed"],
    ["no token", "nonsense", "token_malformed"],
    ["a revoked key", await guarded.key({ revoked: true }), "key_revoked"],
    ["an expired key", await guarded.key({ expiresAt: Date.now() - 1 }), "key_expired"],
    ["a truncated key", key.slice(0, -1), "key_invalid"],
    ["a key that is not ours", key.replace(/.$/, (c) => c === "0" ? "1" : "0"), "key_invalid"],
  ];
}

type Route = [method: string, path: string, body?: string];

/** One of each kind that needs a caller. */
const routes = (id: string): Route[] => [
  ["GET", "/tools"],
  ["POST", "/tools/call", CALL],
  ["GET", "/envelopes"],
  ["GET", `/envelopes/${id}`],
  ["GET", `/envelopes/${id}/active`],
  ["GET", `/envelopes/${id}/stream`],
  ["DELETE", `/envelopes/${id}`],
  ["POST", `/envelopes/${id}/retry`, "{}"],
  ["POST", "/mcp", MCP_CALL],
  ["POST", "/mcp", RPC("tools/list", {})],
  ["GET", "/mcp"],
  ["GET", "/nowhere"],
];

Deno.test("every route refuses every bad key and token with a problem, and nothing happens", async () => {
  await using issuer = await startIssuer();
  await using guarded = await startGuarded(issuer);
  const { harness, send } = guarded;
  const key = await guarded.key();
  const called = await send("POST", "/tools/call", { bearer: key, body: CALL });
  const { envelope_id: id } = JSON.parse((await called.json()).content[0].text);
  await until("sent", async () => (await harness.store.head(id))?.state === "running");
  const before = JSON.stringify(await harness.store.head(id));
  const bad = await badCredentials(issuer, guarded);
  for (const [method, path, body] of routes(id)) {
    for (const [what, bearer, code] of [["nothing", undefined, "unauthorized"] as const, ...bad]) {
      const response = await send(method, path, {
        ...bearer === undefined ? {} : { bearer },
        ...body === undefined ? {} : { body },
      });
      const problem = await response.json();
      assert.deepEqual([response.status, problem.code], [401, code], `${method} ${path}: ${what}`);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      const challenge = response.headers.get("www-authenticate") ?? "";
      const metadata = `/.well-known/oauth-protected-resource${path === "/mcp" ? "/mcp" : ""}"`;
      assert.ok(
        challenge.includes(`resource_metadata="https://gateway.test${metadata}`),
        challenge,
      );
      assert.equal(challenge.includes('error="invalid_token"'), bearer !== undefined);
    }
  }
  assert.equal(JSON.stringify(await harness.store.head(id)), before);
  assert.equal(harness.sent.length, 1);
  assert.ok(issuer.asked() <= 2, `an unknown kid asked for the keys ${issuer.asked()} times`);
});

Deno.test("every route takes a key in either header, and a token with the scope", async () => {
  await using issuer = await startIssuer();
  await using guarded = await startGuarded(issuer);
  const { send } = guarded;
  const key = await guarded.key();
  const token = await issuer.token({ claims: { scope: "tools:echo" } });
  const credentials: Record<string, string>[] = [
    { authorization: `Bearer ${key}` },
    { "x-api-key": key },
    { authorization: `Bearer ${token}` },
  ];
  for (const headers of credentials) {
    const called = await send("POST", "/tools/call", { headers, body: CALL });
    assert.equal(called.status, 200);
    const { envelope_id: id } = JSON.parse((await called.json()).content[0].text);
    assert.equal((await send("GET", `/envelopes/${id}`, { headers })).status, 200);
    assert.equal((await send("DELETE", `/envelopes/${id}`, { headers })).status, 200);
    const stream = await send("GET", `/envelopes/${id}/stream`, { headers });
    assert.match(await stream.text(), /"cancelled"/);
    const mcp = await send("POST", "/mcp", { headers, body: MCP_CALL });
    assert.match(await mcp.text(), /envelope_id/);
  }
  const both = await send("GET", "/tools", { bearer: token, headers: { "x-api-key": key } });
  assert.deepEqual([both.status, (await both.json()).code], [400, "credentials_malformed"]);
});

Deno.test("a key sees, calls, cancels and lists only what its tools made", async () => {
  await using guarded = await startGuarded(undefined);
  const { harness, send } = guarded;
  const all = await guarded.key();
  const pair = await guarded.key({ tools: ["pair"] });
  const call = async (bearer: string, body: string) =>
    JSON.parse((await (await send("POST", "/tools/call", { bearer, body })).json()).content[0].text)
      .envelope_id as string;
  const id = await call(all, CALL);
  const own = await call(pair, '{"name":"pair"}');
  await until("both sent", () => harness.sent.length === 2);
  const refused: Route[] = [
    ["POST", "/tools/call", CALL],
    ["POST", "/tools/call", '{"name":"no-such-tool"}'],
    ["GET", `/envelopes/${id}`],
    ["GET", `/envelopes/${id}/stream`],
    ["GET", `/envelopes/${id}/active`],
    ["DELETE", `/envelopes/${id}`],
    ["POST", `/envelopes/${id}/retry`],
    ["GET", "/envelopes/no-such-id"],
    ["POST", "/mcp", MCP_CALL],
  ];
  for (const [method, path, body] of refused) {
    const response = await send(method, path, { bearer: pair, ...body ? { body } : {} });
    const { code } = await response.json();
    assert.deepEqual([response.status, code], [403, "scope_insufficient"], `${method} ${path}`);
    const challenge = response.headers.get("www-authenticate") ?? "";
    assert.match(challenge, /^Bearer error="insufficient_scope", scope="tools:/);
  }
  const calls = harness.logged.map((line) => JSON.parse(line)).filter((l) => l.message === "call");
  const told = calls.filter(({ outcome }) => outcome === "scope_insufficient");
  assert.deepEqual(told.map(({ tool }) => tool), ["echo", "no-such-tool", "echo"], "HTTP and MCP");
  const text = async (path: string, body?: string) =>
    await (await send(body ? "POST" : "GET", path, { bearer: pair, ...body ? { body } : {} }))
      .text();
  assert.deepEqual(
    JSON.parse(await text("/tools")).tools.map(({ name }: { name: string }) => name),
    ["pair"],
  );
  const listed = JSON.parse(await text("/envelopes")).envelopes;
  assert.deepEqual(listed.map((one: { id: string }) => one.id), [own]);
  assert.equal(JSON.parse(await text(`/envelopes?tool=echo`)).envelopes.length, 0);
  const tools = await text("/mcp", RPC("tools/list", {}));
  assert.ok(tools.includes('"pair"') && !tools.includes('"echo"'), tools);
  const read = await text("/mcp", RPC("resources/read", { uri: `asya://envelopes/${id}` }));
  assert.ok(!read.includes("text") && read.includes("error"), read);
  const taskCancelled = await text("/mcp", RPC("tasks/cancel", { taskId: id }));
  assert.match(taskCancelled, /error/);
  assert.equal((await harness.store.head(id))?.state, "running");
  const child = { id: `${own}-1`, parent_id: own, actors: ["infer"], current: 0 };
  await send("POST", "/envelopes", { bearer: MESH, body: JSON.stringify(child) });
  assert.equal(JSON.parse(await text(`/envelopes/${own}-1`)).parent_id, own, "a child of its own");
  assert.equal(JSON.parse(await text(`/envelopes?parent=${own}`)).envelopes.length, 1);
  assert.equal(harness.sent.length, 2);
});

Deno.test("reports need the sidecars' token: no key, no token of a caller, no guess will do", async () => {
  await using issuer = await startIssuer();
  await using guarded = await startGuarded(issuer);
  const { harness, send } = guarded;
  const key = await guarded.key();
  const called = await send("POST", "/tools/call", { bearer: key, body: CALL });
  const { envelope_id: id } = JSON.parse((await called.json()).content[0].text);
  await until("sent", async () => (await harness.store.head(id))?.state === "running");
  const before = JSON.stringify(await harness.store.head(id));
  const final = '{"status":"succeeded","result":"forged"}';
  const child = JSON.stringify({ id: `${id}-1`, parent_id: id, actors: ["prep"], current: 0 });
  const report = JSON.stringify({ reports: [{ id, seq: 1, kind: "final", status: "succeeded" }] });
  const reports: Route[] = [
    ["POST", `/envelopes/${id}/final`, final],
    ["POST", `/envelopes/${id}/progress`, '{"status":"completed"}'],
    ["POST", "/envelopes", child],
    ["POST", "/reports", report],
  ];
  for (const [method, path, body] of reports) {
    for (const bearer of [undefined, key, await issuer.token(), "mesh-secre", `${MESH}x`]) {
      const response = await send(method, path, { ...bearer ? { bearer } : {}, body: body! });
      const { code } = await response.json();
      assert.deepEqual([response.status, code], [401, "mesh_token_invalid"], `${path} ${bearer}`);
    }
  }
  assert.equal(JSON.stringify(await harness.store.head(id)), before);
  assert.equal(await harness.store.head(`${id}-1`), undefined);
  assert.equal((await send("GET", "/tools", { bearer: MESH })).status, 401, "and reads nothing");
  const told = await send("POST", `/envelopes/${id}/final`, { bearer: MESH, body: final });
  assert.equal(told.status, 200);
});

Deno.test("health and metadata are open, and no trick of a path opens more", async () => {
  await using issuer = await startIssuer();
  await using guarded = await startGuarded(issuer);
  const { send } = guarded;
  for (const path of ["/health", "/health/live", "/health/ready"]) {
    assert.equal((await send("GET", path)).status, 200, path);
  }
  const metadata = await (await send("GET", "/.well-known/oauth-protected-resource/mcp")).json();
  assert.deepEqual([metadata.resource, metadata.authorization_servers, metadata.scopes_supported], [
    "https://gateway.test/mcp",
    [issuer.url],
    ["tools:*"],
  ]);
  const tricks = [
    ...["/health/../tools", "/%2e%2e/tools", "//tools", "/tools/", "/health/ready/../../tools"],
    ...["/health%2f..%2ftools", "/tools;/health", "/tools?/health", "/Tools", "/tools%00/health"],
  ];
  for (const path of tricks) {
    const { status } = await send("GET", path);
    assert.equal(status, 401, path);
  }
});

Deno.test("a key that was revoked by somebody else is refused within seconds", async () => {
  await using guarded = await startGuarded(undefined);
  const { send } = guarded;
  const key = await guarded.key();
  assert.equal((await send("GET", "/tools", { bearer: key })).status, 200);
  await guarded.revoke(key);
  const began = Date.now();
  await until("refused", async () => (await send("GET", "/tools", { bearer: key })).status === 401);
  assert.ok(Date.now() - began < 3_000);
});
