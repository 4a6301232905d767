import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type Harness, startHarness, until } from "../testing/harness.ts";
import { rpc } from "./testing.ts";

const REVISIONS = [
  { revision: "2025-11-25", options: {} },
  { revision: "2026-07-28", options: { versionNegotiation: { mode: "auto" as const } } },
];

async function withClient(
  options: (typeof REVISIONS)[number]["options"],
  body: (client: Client, harness: Harness) => Promise<void>,
): Promise<void> {
  await using harness = await startHarness();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    harness.gateway.app.fetch,
  );
  const client = new Client({ name: "test", version: "1" }, options);
  try {
    const url = new URL(`http://127.0.0.1:${server.addr.port}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url));
    await body(client, harness);
  } finally {
    await client.close();
    await harness.gateway.close();
    await server.shutdown();
  }
}

// deno-lint-ignore no-explicit-any -- the content of a tool's answer
function textOf(result: any): string {
  assert.equal(result.content.length, 1);
  return result.content[0].text;
}

/** The id of the only envelope that was made, once it is on its queue. */
async function onlyEnvelope(harness: Harness): Promise<string> {
  await until("published", () => harness.sent.length === 1);
  return harness.sent[0]!.messageId;
}

async function report(harness: Harness, path: string, body: unknown): Promise<void> {
  const response = await harness.request("POST", path, body);
  assert.equal(response.status, 200, await response.text());
}

for (const { revision, options } of REVISIONS) {
  const test = (what: string, body: (client: Client, harness: Harness) => Promise<void>) =>
    Deno.test(`/mcp ${revision}: ${what}`, () => withClient(options, body));

  test("the client finds the gateway and its tools", async (client) => {
    assert.equal(client.getNegotiatedProtocolVersion(), revision);
    assert.equal(client.getServerVersion()?.name, "asya-gateway");
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(({ name }) => name), ["echo", "pair", "short"]);
    assert.deepEqual(tools[0]!.inputSchema, {
      type: "object",
      properties: { text: { type: "string" }, n: { type: "integer" } },
      required: ["text"],
      additionalProperties: false,
    });
  });

  test("a call without progress answers at once with where to look", async (client, harness) => {
    const result = await client.callTool({ name: "echo", arguments: { text: "hi" } });
    const id = await onlyEnvelope(harness);
    assert.deepEqual(JSON.parse(textOf(result)), {
      envelope_id: id,
      message: "Envelope created successfully",
      status_url: `/envelopes/${id}`,
      stream_url: `/envelopes/${id}/stream`,
    });
  });

  test("a call with progress reports it and answers with the result", async (client, harness) => {
    const seen: unknown[] = [];
    const calling = client.callTool({ name: "pair", arguments: {} }, {
      onprogress: ({ progress, total, message }) => seen.push([progress, total, message]),
    });
    const id = await onlyEnvelope(harness);
    const progress = `/envelopes/${id}/progress`;
    await report(harness, progress, {
      status: "received",
      current_actor_idx: 0,
      message: "got it",
    });
    await report(harness, progress, { status: "received", current_actor_idx: 0 }); // does not rise
    await report(harness, progress, { status: "completed", current_actor_idx: 0 });
    await report(harness, `/envelopes/${id}/final`, '{"status":"succeeded","result":{"r":1e3}}');
    const result = await calling;
    assert.equal(textOf(result), '{"r":1e3}');
    assert.deepEqual(result.structuredContent, { r: 1000 });
    assert.notEqual(result.isError, true);
    assert.equal(result._meta?.envelope_id, id);
    assert.deepEqual(seen, [
      [0, 100, undefined],
      [5, 100, "got it"],
      [50, 100, undefined],
    ]);
  });

  test("a call with progress that fails says why", async (client, harness) => {
    const calling = client.callTool({ name: "pair", arguments: {} }, { onprogress() {} });
    const id = await onlyEnvelope(harness);
    await report(harness, `/envelopes/${id}/final`, {
      status: "failed",
      error: "processing_error",
      error_details: { message: "boom", type: "ValueError" },
    });
    const result = await calling;
    assert.equal(result.isError, true);
    assert.equal(textOf(result), "processing_error: boom");
  });

  test("a call with progress ends with the tool's time-out", async (client) => {
    const result = await client.callTool({ name: "short", arguments: {} }, { onprogress() {} });
    assert.equal(result.isError, true);
    assert.match(textOf(result), /^deadline_exceeded: .*1 s/);
  });

  test("a result that is text arrives without quotes", async (client, harness) => {
    const calling = client.callTool({ name: "pair", arguments: {} }, { onprogress() {} });
    const id = await onlyEnvelope(harness);
    await report(harness, `/envelopes/${id}/final`, { status: "succeeded", result: 'say "hi"' });
    assert.equal(textOf(await calling), 'say "hi"');
  });

  test(
    "bad arguments are an error that names them, and nothing is published",
    async (client, harness) => {
      const result = await client.callTool({ name: "echo", arguments: { n: 1.5, x: 1 } });
      assert.equal(result.isError, true);
      const text = textOf(result);
      for (const part of [/missing .*text/, /n must be an integer/, /unknown parameter: x/]) {
        assert.match(text, part);
      }
      assert.equal(harness.sent.length, 0);
    },
  );

  test("an unknown tool is an error of the protocol", async (client) => {
    await assert.rejects(client.callTool({ name: "nope", arguments: {} }), /nope/);
  });

  test("a client that leaves does not stop its envelope", async (client, harness) => {
    const leave = new AbortController();
    const calling = client.callTool({ name: "pair", arguments: {} }, {
      onprogress() {},
      signal: leave.signal,
    });
    const id = await onlyEnvelope(harness);
    leave.abort();
    await assert.rejects(calling);
    await report(harness, `/envelopes/${id}/final`, { status: "succeeded", result: 1 });
    assert.equal((await harness.store.head(id))?.state, "succeeded");
  });

  test("close() answers waiting calls with where to look", async (client, harness) => {
    const calling = client.callTool({ name: "pair", arguments: {} }, { onprogress() {} });
    const id = await onlyEnvelope(harness);
    await harness.gateway.close();
    assert.equal(JSON.parse(textOf(await calling)).envelope_id, id);
  });
}

const NESTED = `
tools:
  - name: book
    route: [prep]
    parameters:
      guests:
        type: array
        required: true
        items:
          type: object
          properties:
            name: { type: string, required: true, description: As in the passport }
            age: { type: integer }
      class: { type: string, options: [first, second], default: second }
    examples: [{ guests: [{ name: Ada, age: 36 }] }]
`;

Deno.test("/mcp: tools/list has the whole schema of nested parameters, with examples", async () => {
  await using harness = await startHarness({ yaml: NESTED });
  const { result } = await rpc(harness, "2026-07-28", "tools/list");
  assert.deepEqual(result.tools[0].inputSchema, {
    type: "object",
    properties: {
      guests: {
        type: "array",
        items: {
          type: "object",
          properties: {
            name: { type: "string", description: "As in the passport" },
            age: { type: "integer" },
          },
          required: ["name"],
          additionalProperties: false,
        },
      },
      class: { type: "string", enum: ["first", "second"], default: "second" },
    },
    required: ["guests"],
    additionalProperties: false,
    examples: [{ guests: [{ name: "Ada", age: 36 }] }],
  });
});

Deno.test("/mcp: tools/list says that calls may be tasks, in the words of each revision", async () => {
  await using harness = await startHarness();
  const { result } = await rpc(harness, "2025-11-25", "tools/list");
  assert.deepEqual(result.tools[0].execution, { taskSupport: "optional" });
  const modern = await rpc(harness, "2026-07-28", "tools/list");
  assert.equal("execution" in modern.result.tools[0], false);
});

Deno.test("/mcp: arguments keep their digits on the way to the queue", async () => {
  await using harness = await startHarness();
  const response = await harness.request(
    "POST",
    "/mcp",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","n":9007199254740993}}}',
  );
  assert.equal(response.headers.get("content-type"), "application/json");
  await response.body?.cancel();
  await until("published", () => harness.sent.length === 1);
  const body = new TextDecoder().decode(harness.sent[0]!.body);
  assert.ok(body.includes('"n":9007199254740993'), body);
});

Deno.test("/mcp: a body over the limit is 413", async () => {
  await using harness = await startHarness();
  const response = await harness.request("POST", "/mcp", "x".repeat(8_000_000));
  assert.equal(response.status, 413);
  await response.body?.cancel();
});
