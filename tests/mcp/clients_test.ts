/** Clients that others wrote call a real pipeline and get its result. */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  createTaskSessionFromClient,
  type RawClientDispatch,
  resultFromTaskOutcome,
  toolDeclarationFromMcpTool,
} from "@modelcontextprotocol/ext-tasks/client";
import { until } from "../project.ts";
import { npmHas, runNpm } from "./npm_tool.ts";
import { SHOUTED, withPipeline } from "./pipeline.ts";

const INSPECTOR = "npm:@modelcontextprotocol/inspector@2.12.0";
const SDK_1 = "npm:@modelcontextprotocol/sdk@1.32.2";
const LIMIT_MS = 60_000;
const CALL = { name: "shout", arguments: { text: "so it is" } };

async function withClient(
  mode: "legacy" | "auto",
  body: (client: Client, url: string) => Promise<void>,
): Promise<void> {
  await withPipeline(async (url) => {
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    try {
      await body(client, url);
    } finally {
      await client.close();
    }
  });
}

for (const [mode, revision] of [["legacy", "2025-11-25"], ["auto", "2026-07-28"]] as const) {
  Deno.test(`the SDK's client gets a pipeline's result and progress by ${revision}`, async () => {
    await withClient(mode, async (client) => {
      assert.equal(client.getNegotiatedProtocolVersion(), revision);
      const progress: number[] = [];
      const result = await client.callTool(CALL, {
        onprogress: (note) => progress.push(note.progress),
      });
      assert.deepEqual(result.structuredContent, SHOUTED);
      assert.equal(progress[0], 0);
      assert.deepEqual(progress, progress.toSorted((a, b) => a - b));
      const id = (result._meta as { envelope_id: string }).envelope_id;
      const { contents } = await client.readResource({ uri: `asya://envelopes/${id}` });
      const [content] = contents;
      assert.ok(content && "text" in content);
      assert.deepEqual(JSON.parse(content.text).result, SHOUTED);
    });
  });
}

Deno.test("the tasks client of ext-tasks gets a pipeline's result by 2025-11-25", async () => {
  await withClient("legacy", async (client) => {
    const { tools } = await client.listTools();
    const declared = tools.map(toolDeclarationFromMcpTool);
    await using session = createTaskSessionFromClient(client, {
      endpointId: "asya",
      tools: { currentTool: (name) => declared.find((tool) => tool.name === name) },
    });
    const execution = await session.callTool(CALL.name, CALL.arguments, {
      task: { preference: "prefer" },
    });
    const { outcome } = await execution.settle();
    assert.ok(outcome.task);
    assert.deepEqual(resultFromTaskOutcome(outcome).structuredContent, SHOUTED);
  });
});

/** The requests of tasks in 2026-07-28, which the SDK's client does not send itself. */
function rawDispatch(url: string): RawClientDispatch {
  return async (message) => {
    const { method, params } = message as { method: string; params: Record<string, string> };
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        "mcp-name": params.name ?? params.taskId ?? "",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = await response.json();
    return error ? { kind: "error", error } : { kind: "result", result };
  };
}

Deno.test("the tasks client of ext-tasks gets a pipeline's result by 2026-07-28", async () => {
  await withClient("auto", async (client, url) => {
    await using session = createTaskSessionFromClient(client, {
      endpointId: "asya",
      rawDispatch: rawDispatch(url),
      v2RequestFraming: {
        protocolVersion: "2026-07-28",
        clientInfo: { name: "test", version: "1" },
        clientCapabilities: {},
      },
    });
    const execution = await session.callTool(CALL.name, CALL.arguments);
    const { outcome } = await execution.settle();
    assert.ok(outcome.task);
    assert.deepEqual(resultFromTaskOutcome(outcome).structuredContent, SHOUTED);
  });
});

/** Runs in a process of its own: our lock file need not have the SDK's first major version. */
const SDK_1_CLIENT = `
import { Client } from "${SDK_1}/client/index.js";
import { StreamableHTTPClientTransport } from "${SDK_1}/client/streamableHttp.js";
const [url] = Deno.args;
const client = new Client({ name: "test", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const call = ${JSON.stringify(CALL)};
const { tools } = await client.listTools();
const waited = await client.callTool(call, undefined, { onprogress() {} });
const seen = [];
for await (const message of client.experimental.tasks.callToolStream(call)) seen.push(message);
const last = seen.at(-1);
console.log(JSON.stringify({
  tool: tools[0].name,
  waited: waited.structuredContent,
  created: seen[0].type,
  task: last.type === "result" ? last.result.structuredContent : String(last.error),
}));
await client.close();
`;

const sdk1 = await npmHas(SDK_1);
Deno.test({
  name: `the SDK's first major version gets a pipeline's result, with progress and as a task${
    sdk1 ? "" : ", skipped: npm cannot be reached"
  }`,
  ignore: !sdk1,
  async fn() {
    await withPipeline(async (url) => {
      const { code, stdout, text } = await runNpm({
        module: "-",
        input: SDK_1_CLIENT,
        args: [url],
        limitMs: LIMIT_MS,
      });
      assert.equal(code, 0, text);
      assert.deepEqual(JSON.parse(stdout), {
        tool: "shout",
        waited: SHOUTED,
        created: "taskCreated",
        task: SHOUTED,
      });
    });
  },
});

const inspector = await npmHas(INSPECTOR);
Deno.test({
  name: `the Inspector lists the tools, calls one and reads its result${
    inspector ? "" : ", skipped: npm cannot be reached"
  }`,
  ignore: !inspector,
  async fn() {
    await withPipeline(async (url) => {
      const inspect = async (...args: readonly string[]) => {
        const { code, stdout, text } = await runNpm({
          module: INSPECTOR,
          args: ["--cli", url, "--transport", "http", ...args],
          limitMs: LIMIT_MS,
        });
        assert.equal(code, 0, text);
        return JSON.parse(stdout);
      };
      const { tools } = await inspect("--method", "tools/list");
      assert.equal(tools[0].name, "shout");
      const call = ["--method", "tools/call", "--tool-name", "shout"];
      const { content } = await inspect(...call, "--tool-arg", "text=so it is");
      // It wants no progress and takes no task: it is told where to look.
      const uri = `asya://envelopes/${JSON.parse(content[0].text).envelope_id}`;
      await until("the envelope has ended", async () => {
        const { contents } = await inspect("--method", "resources/read", "--uri", uri);
        const { status, result } = JSON.parse(contents[0].text);
        if (status === "succeeded") assert.deepEqual(result, SHOUTED);
        return status === "succeeded";
      }, LIMIT_MS);
    });
  },
});
