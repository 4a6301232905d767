/**
 * The gateway over real HTTP. First on a store on disk, client and server in one process, to compare
 * with earlier figures of the same machine; then as it is run for real.
 */

import type { Gateway, Tool } from "@asya/gateway";
import { withGateway } from "./gateway/embedded.ts";
import { served } from "./gateway/served.ts";
import { percentile, type Row } from "./row.ts";

const ROW_MS = 1_500;
/** Requests in flight. */
const CLIENTS = 32;

const TOOL: Tool = {
  name: "echo",
  description: "",
  parameters: new Map([["text", { type: "string", required: true }]]),
  route: ["prep"],
  progress: true,
  timeout: 60,
};
const CALL = JSON.stringify({ name: "echo", arguments: { text: "x".repeat(500) } });

async function call(url: string): Promise<string> {
  const response = await fetch(`${url}/tools/call`, { method: "POST", body: CALL });
  return JSON.parse((await response.json()).content[0].text).envelope_id;
}

/** Runs `work` with all clients until the time is over; how often a second. */
async function perSecond(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let count = 0;
  const client = async () => {
    while (performance.now() - start < ROW_MS) {
      await work();
      count++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return Math.round(count / (performance.now() - start) * 1000);
}

/** Milliseconds from sending the final report until the client has its event, one call. */
async function finalToEvent(url: string): Promise<number> {
  const id = await call(url);
  const stream = await fetch(`${url}/envelopes/${id}/stream`);
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readUntil = async (part: string) => {
    while (!text.includes(part)) text += (await reader.read()).value ?? part;
  };
  await readUntil('"running"');
  const start = performance.now();
  const reported = fetch(`${url}/envelopes/${id}/final`, {
    method: "POST",
    body: '{"status":"succeeded","result":1}',
  });
  await readUntil('"succeeded"');
  const took = performance.now() - start;
  await reader.cancel();
  await (await reported).body?.cancel();
  return took;
}

async function measure(gateway: Gateway): Promise<Row[]> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    gateway.app.fetch,
  );
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    const calls = await perSecond(() => call(url));
    const id = await call(url);
    const gets = await perSecond(async () => (await fetch(`${url}/envelopes/${id}`)).text());
    const latencies: number[] = [];
    const end = performance.now() + ROW_MS;
    while (performance.now() < end) latencies.push(await finalToEvent(url));
    return [
      { name: `gateway POST /tools/call, ${CLIENTS} clients`, value: calls, unit: "/s" },
      { name: `gateway GET /envelopes/{id}, ${CLIENTS} clients`, value: gets, unit: "/s" },
      { name: "gateway final to SSE event, p50", value: percentile(latencies, 0.5), unit: "ms" },
    ];
  } finally {
    await gateway.close();
    await server.shutdown();
  }
}

/** All rows, about two minutes. */
export async function bench(): Promise<Row[]> {
  return [...await withGateway(TOOL, measure), ...await served()];
}
