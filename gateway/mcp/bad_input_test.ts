import assert from "node:assert/strict";
import { startHarness } from "../testing/harness.ts";
import { readAnswer, rpc, rpcRequest } from "./testing.ts";

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  },
};
const LIST = { jsonrpc: "2.0", id: 1, method: "tools/list" };

const BAD: readonly {
  readonly what: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly code: number;
}[] = [
  { what: "an empty body", body: "", status: 400, code: -32700 },
  { what: "no JSON", body: "{", status: 400, code: -32700 },
  { what: "a string", body: '"tools/list"', status: 400, code: -32600 },
  {
    what: "bytes that are no UTF-8",
    body: Uint8Array.of(0x7b, 0xff, 0x7d),
    status: 400,
    code: -32700,
  },
  { what: "a key twice", body: '{"id":1,"id":2}', status: 400, code: -32600 },
  {
    what: "600 levels of nesting",
    body: `{"jsonrpc":"2.0","id":1,"method":"x","params":${"[".repeat(600)}${"]".repeat(600)}}`,
    status: 400,
    code: -32600,
  },
  { what: "a batch", body: [INITIALIZE, LIST], status: 400, code: -32600 },
  { what: "an empty batch", body: [], status: 400, code: -32600 },
  { what: "an object that is no message", body: {}, status: 400, code: -32600 },
  { what: "another JSON-RPC", body: { ...LIST, jsonrpc: "1.0" }, status: 400, code: -32600 },
  { what: "a method that is a number", body: { ...LIST, method: 1 }, status: 400, code: -32600 },
  { what: "an id that is an object", body: { ...LIST, id: {} }, status: 400, code: -32600 },
  { what: "4 MiB and more", body: "x".repeat(2 ** 22 + 1), status: 413, code: -32600 },
  {
    what: "a version that never was",
    body: LIST,
    headers: { "mcp-protocol-version": "1999-01-01" },
    status: 400,
    code: -32000,
  },
  {
    what: "text/plain",
    body: LIST,
    headers: { "content-type": "text/plain" },
    status: 415,
    code: -32000,
  },
  { what: "an unknown method", body: { ...LIST, method: "tools/eat" }, status: 200, code: -32601 },
  {
    what: "tools/call without params",
    body: { ...LIST, method: "tools/call" },
    status: 200,
    code: -32602,
  },
  {
    what: "a tool's name that is a number",
    body: { ...LIST, method: "tools/call", params: { name: 1 } },
    status: 200,
    code: -32602,
  },
  {
    what: "a tool called __proto__",
    body: { ...LIST, method: "tools/call", params: { name: "__proto__" } },
    status: 200,
    code: -32602,
  },
  {
    what: "a resource of somebody else",
    body: { ...LIST, method: "resources/read", params: { uri: "file:///etc/passwd" } },
    status: 200,
    code: -32602,
  },
  {
    what: "a resource with a broken id",
    body: { ...LIST, method: "resources/read", params: { uri: "asya://envelopes/%" } },
    status: 200,
    code: -32602,
  },
];

for (const { what, body, headers, status, code } of BAD) {
  Deno.test(`McpEndpoint answers ${what} with ${status} and ${code}`, async () => {
    await using harness = await startHarness();
    const response = await harness.gateway.app.fetch(
      new Request("http://localhost/mcp", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" || body instanceof Uint8Array
          ? body as BodyInit
          : JSON.stringify(body),
      }),
    );
    const answer = await readAnswer(response);
    assert.deepEqual([answer.status, answer.error?.code], [status, code], answer.error?.message);
    assert.ok(answer.error!.message.length > 10);
    assert.equal(harness.sent.length, 0);
  });
}

const MODERN_HEADERS: readonly {
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly code: number;
}[] = [
  { what: "another version", headers: { "mcp-protocol-version": "2025-11-25" }, code: -32020 },
  { what: "another method", headers: { "mcp-method": "tools/list" }, code: -32020 },
  { what: "another name", headers: { "mcp-name": "pair" }, code: -32020 },
];

for (const { what, headers, code } of MODERN_HEADERS) {
  Deno.test(`McpEndpoint refuses a call of 2026-07-28 whose header names ${what}`, async () => {
    await using harness = await startHarness();
    const call = { name: "echo", arguments: { text: "a" } };
    const { status, error } = await rpc(harness, "2026-07-28", "tools/call", call, { headers });
    assert.deepEqual([status, error?.code], [400, code], error?.message);
    assert.equal(harness.sent.length, 0);
  });
}

for (const revision of ["2025-11-25", "2026-07-28"] as const) {
  Deno.test(`McpEndpoint names what is wrong with arguments of ${revision}, as a tool's error`, async () => {
    await using harness = await startHarness();
    for (
      const [args, problem] of [
        [{}, /missing required parameter: text/],
        [{ text: 1 }, /text must be a string, not number/],
        [{ text: "a", n: "1" }, /n must be an integer, not string/],
        [{ text: "a", more: 1 }, /unknown parameter: more/],
      ] as const
    ) {
      const call = { name: "echo", arguments: args };
      const { status, result } = await rpc(harness, revision, "tools/call", call);
      assert.equal(status, 200);
      assert.equal(result.isError, true);
      assert.match(result.content[0].text, problem);
    }
    assert.equal(harness.sent.length, 0);
  });

  Deno.test(`McpEndpoint answers GET and DELETE of ${revision} with 405`, async () => {
    await using harness = await startHarness();
    for (const method of ["GET", "DELETE"]) {
      const { headers } = rpcRequest(revision, "x");
      const request = new Request("http://localhost/mcp", { method, headers });
      const response = await harness.gateway.app.fetch(request);
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "POST");
      assert.equal((await response.json()).error.code, -32000);
    }
  });
}
