import assert from "node:assert/strict";
import { type Harness, startHarness, until } from "../../gateway/testing/harness.ts";

const TOOLS = `tools:
  - name: echo
    parameters: { text: { type: string, required: true }, n: { type: integer } }
    route: [prep]
  - { name: hooked, route: [prep], hook: { secretEnv: HOME } }
`;

/** A gateway on a real port, with a mesh token and one envelope. */
async function withServer(
  body: (o: { harness: Harness; port: number; url: string; id: string }) => Promise<void>,
): Promise<void> {
  await using harness = await startHarness({ yaml: TOOLS, meshTokens: () => ["s3cret"] });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    harness.gateway.app.fetch,
  );
  const { port } = server.addr;
  const id = await harness.call("echo", { text: "a" });
  await body({ harness, port, url: `http://127.0.0.1:${port}`, id });
}

const big = "x".repeat(10 * 2 ** 20);
const deep = "[".repeat(1_000) + "]".repeat(1_000);
const call = (args: string) => `{"name":"echo","arguments":${args}}`;

/** Method, path, body, status, code. `:id` is the envelope's. */
const REFUSED: readonly [string, string, string | undefined, number, string][] = [
  ["POST", "/tools/call", call(`{"text":"${big}"}`), 413, "body_too_large"],
  ["POST", "/tools/call", call(`{"text":${deep}}`), 400, "msg_parsing_error"],
  ["POST", "/tools/call", call('"text"'), 400, "msg_parsing_error"],
  ["POST", "/tools/call", call("[]"), 400, "msg_parsing_error"],
  ["POST", "/tools/call", '{"name":7}', 400, "msg_parsing_error"],
  ["POST", "/tools/call", '{"name":""}', 400, "msg_parsing_error"],
  ["POST", "/tools/call", '{"name":"../etc/passwd"}', 404, "tool_unknown"],
  ["POST", "/tools/call", "name=echo", 400, "msg_parsing_error"],
  ["PATCH", "/tools/call", "{}", 405, "method_not_allowed"],
  ["GET", "/envelopes/..%2f..%2fetc%2fpasswd", undefined, 404, "envelope_unknown"],
  ["GET", "/envelopes/%00", undefined, 404, "envelope_unknown"],
  ["GET", "/envelopes/%ff%fe", undefined, 404, "envelope_unknown"],
  ["GET", `/envelopes/${"x".repeat(8_000)}`, undefined, 404, "envelope_unknown"],
  ["GET", "/envelopes/' OR 1=1 --", undefined, 404, "envelope_unknown"],
  ["GET", "/envelopes?state=' OR 1=1 --", undefined, 400, "query_invalid"],
  ["GET", "/envelopes?limit=1;DROP TABLE gateway_envelopes", undefined, 400, "query_invalid"],
  ["GET", "/envelopes?created_after=0", undefined, 400, "query_invalid"],
  ["GET", `/envelopes?cursor=${btoa("[1]")}`, undefined, 400, "query_invalid"],
  ["DELETE", "/envelopes/nobody", undefined, 404, "envelope_unknown"],
  ["POST", "/envelopes/nobody/retry", undefined, 404, "envelope_unknown"],
  ["POST", "/envelopes/:id/retry", undefined, 409, "envelope_not_failed"],
  ["POST", "/envelopes/:id/final", '{"status":"succeeded"}', 401, "mesh_token_invalid"],
  ["POST", "/envelopes/:id/progress", '{"status":"completed"}', 401, "mesh_token_invalid"],
  ["POST", "/envelopes", '{"id":"x","actors":["prep"]}', 401, "mesh_token_invalid"],
  ["POST", "/reports", '{"reports":[]}', 401, "mesh_token_invalid"],
  ["POST", "/hooks/hooked", "{}", 401, "signature_invalid"],
  ["POST", "/hooks/hooked", big, 413, "body_too_large"],
  ["POST", "/hooks/echo", "{}", 404, "hook_unknown"],
  ["GET", "/nowhere", undefined, 404, "not_found"],
  ["GET", "//envelopes", undefined, 404, "not_found"],
  ["GET", "/envelopes/../../etc/passwd", undefined, 404, "not_found"],
];

for (const [method, path, body, status, code] of REFUSED) {
  const what = `${method} ${path.slice(0, 50)} ${body?.slice(0, 40) ?? ""}`.trim();
  Deno.test(`createGateway() refuses ${what} with ${status} ${code}, and changes nothing`, () =>
    withServer(async ({ harness, url, id }) => {
      const before = await harness.store.list({ limit: 10 });
      const response = await fetch(url + path.replace(":id", id), {
        method,
        ...body === undefined ? {} : { body },
      });
      const text = await response.text();
      assert.equal(response.status, status, text);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      const problem = JSON.parse(text);
      assert.deepEqual([problem.status, problem.code], [status, code], problem.detail);
      assert.deepEqual(await harness.store.list({ limit: 10 }), before);
      assert.equal(harness.sent.length, 1);
    }));
}

const ARGUMENTS: readonly [string, RegExp][] = [
  ["{}", /missing required parameter: text/],
  ['{"text":1}', /text must be a string/],
  ['{"text":null}', /text must be a string, not null/],
  ['{"text":"a","n":"1"}', /n must be an integer/],
  ['{"text":"a","n":1.5}', /n must be an integer/],
  ['{"text":"a","x":1}', /unknown parameter: x/],
  ['{"text":"a","__proto__":1}', /unknown parameter: __proto__/],
];

for (const [args, text] of ARGUMENTS) {
  Deno.test(`POST /tools/call with arguments ${args} is 200 with isError`, () =>
    withServer(async ({ harness, url }) => {
      const response = await fetch(`${url}/tools/call`, { method: "POST", body: call(args) });
      assert.equal(response.status, 200);
      const { content, isError } = await response.json();
      assert.equal(isError, true);
      assert.match(content[0].text, text);
      assert.equal(harness.sent.length, 1);
    }));
}

Deno.test("a body that comes byte by byte, or not at all, holds nobody else up", () =>
  withServer(async ({ harness, port, url }) => {
    const head = "POST /tools/call HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    const slow = await Promise.all(Array.from({ length: 100 }, async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new TextEncoder().encode(head));
      return connection;
    }));
    const began = performance.now();
    await harness.call("echo", { text: "b" });
    const response = await fetch(`${url}/health`);
    assert.equal(await response.text(), "OK\n");
    assert.ok(performance.now() - began < 2_000);
    for (const connection of slow) connection.close();
    await until("only what was complete is stored", async () => {
      return (await harness.store.list({ limit: 10 })).length === 2;
    });
  }));

Deno.test("a thousand reconnections to a stream leave nobody watching", () =>
  withServer(async ({ harness, url, id }) => {
    let watching = 0;
    const watch = harness.store.watch.bind(harness.store);
    harness.store.watch = (...args) => {
      watching++;
      const undo = watch(...args);
      return () => {
        watching--;
        undo();
      };
    };
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, async () => {
        const leave = new AbortController();
        const { signal } = leave;
        const response = await fetch(`${url}/envelopes/${id}/stream`, { signal });
        await response.body!.getReader().read();
        leave.abort();
      }));
    }
    await until("nobody watches", () => watching === 0);
  }));
