/**
 * `tools/call` of the gateway, whose calls are on disk before they are answered, against a bare
 * server of the SDK that only answers. Client and server in one process, all in one run.
 */

import type { Tool } from "@asya/gateway";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { median } from "./broker/race.ts";
import { withGateway } from "./gateway/embedded.ts";
import type { Row } from "./row.ts";

const ROW_MS = 1_500;
/** Turns of each server, one after the other, so that neither has the better part of the run. */
const TURNS = 3;
/** Requests in flight. */
const CLIENTS = 32;
const GOAL = 0.4;

const TOOL: Tool = {
  name: "echo",
  description: "echo",
  parameters: new Map([["text", { type: "string", required: true }]]),
  route: ["prep"],
  progress: true,
  timeout: 60,
};

const REVISIONS = ["2025-11-25", "2026-07-28"] as const;
type Revision = typeof REVISIONS[number];
type Serve = (request: Request) => Response | Promise<Response>;

function callOf(revision: Revision): RequestInit {
  const modern = revision === "2026-07-28";
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { name: "echo", arguments: { text: "x".repeat(500) }, ...modern ? { _meta } : {} };
  return {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      ...modern ? { "mcp-method": "tools/call", "mcp-name": "echo" } : {},
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
  };
}

/** Calls a second, with all clients. */
async function callsPerSecond(serve: Serve, revision: Revision): Promise<number> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, serve);
  const url = `http://127.0.0.1:${server.addr.port}/mcp`;
  const call = callOf(revision);
  const start = performance.now();
  let count = 0;
  const client = async () => {
    while (performance.now() - start < ROW_MS) {
      const text = await (await fetch(url, call)).text();
      if (!text.includes('"content"')) throw new Error(`no result: ${text}`);
      count++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const rate = count / (performance.now() - start) * 1000;
  await server.shutdown();
  return rate;
}

function bareServer(): McpServer {
  const server = new McpServer({ name: "bare", version: "1" });
  server.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: "text", text }],
  }));
  return server;
}

async function compare(ours: Serve, bare: Serve, revision: Revision): Promise<Row[]> {
  const rates: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    rates.bare.push(await callsPerSecond(bare, revision));
    rates.ours.push(await callsPerSecond(ours, revision));
  }
  const [our, their] = [median(rates.ours), median(rates.bare)];
  const name = `mcp tools/call ${revision}, ${CLIENTS} clients`;
  return [
    { name, value: our, unit: "/s" },
    { name: `${name}, bare SDK server`, value: their, unit: "/s" },
    {
      name: `${name}, of the bare SDK's rate`,
      value: our / their,
      unit: "x",
      goal: { atLeast: GOAL },
    },
  ];
}

/** All rows, about 9 s for each revision. */
export async function bench(): Promise<Row[]> {
  const bare = createMcpHandler(bareServer);
  try {
    return await withGateway(TOOL, async (gateway) => {
      const rows: Row[] = [];
      for (const revision of REVISIONS) {
        rows.push(...await compare(gateway.app.fetch, bare.fetch, revision));
      }
      return rows;
    });
  } finally {
    await bare.close();
  }
}
