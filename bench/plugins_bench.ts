/** What a WASM plugin costs: loading, an echo of several sizes, and the demo's redactor. */

import { buildAssemblyScript, loadPlugin, type Plugin } from "@asya/plugins";
import { percentile, type Row } from "./row.ts";

const ROUND_MS = 1_000;
const IN_FLIGHT = 32;
const MiB = 1024 * 1024;

const ECHO = `import { input, output } from "asya";
export function handle(): void { output(input()); }`;

const SECTION =
  `Mail ana.ruiz@example.com or call +44 20 7946 0958 before Thursday, key AKIAIOSFODNN7EXAMPLE.
The ranker takes embeddings of any length and answers in half the time; titles are no longer cut.
`;

function load(module: Uint8Array): Promise<Plugin> {
  return loadPlugin({
    module,
    functionName: "handle",
    config: {},
    workers: 1,
    limits: {
      timeoutMs: 1_000,
      memoryBytes: 64 * MiB,
      kernelBytes: 64 * MiB,
      moduleBytes: 8 * MiB,
      outputBytes: 32 * MiB,
    },
  });
}

function payload(text: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ doc: "bench", section: 1, title: "t", text }));
}

async function callFor(plugin: Plugin, input: Uint8Array, inFlight: number, ms: number) {
  const durations: number[] = [];
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < ms) {
      const began = performance.now();
      await plugin.call({ input, context: { "asya.id": "bench", "asya.attempt": "1" } });
      durations.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return { durations, rate: durations.length / ((performance.now() - start) / 1_000) };
}

/** The rate of calls, after the guest's code has been optimised. */
async function rate(plugin: Plugin, input: Uint8Array): Promise<number> {
  await callFor(plugin, input, IN_FLIGHT, ROUND_MS / 3);
  return (await callFor(plugin, input, IN_FLIGHT, ROUND_MS)).rate;
}

async function buildEcho(): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir({ prefix: "asya-bench-" });
  try {
    await Deno.writeTextFile(`${folder}/handler.ts`, ECHO);
    return await buildAssemblyScript(`${folder}/handler.ts`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** All rows of this file. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  const buildStart = performance.now();
  const module = await buildEcho();
  rows.push({
    name: "build from AssemblyScript",
    value: performance.now() - buildStart,
    unit: "ms",
  });

  await (await load(module)).close();
  const loadStart = performance.now();
  const echo = await load(module);
  rows.push({ name: "load a plugin, 1 worker", value: performance.now() - loadStart, unit: "ms" });
  try {
    const small = payload("x".repeat(1_000));
    await callFor(echo, small, 1, ROUND_MS / 3);
    const { durations } = await callFor(echo, small, 1, ROUND_MS);
    const p50 = percentile(durations, 0.5);
    rows.push({
      name: "echo 1 KB, one at a time, p50",
      value: p50,
      unit: "ms",
      goal: { atMost: 0.5 },
    });
    const name = `echo 1 KB, ${IN_FLIGHT} in flight`;
    rows.push({ name, value: await rate(echo, small), unit: "/s", goal: { atLeast: 8_000 } });
    const large = await rate(echo, payload("x".repeat(100_000)));
    rows.push({ name: `echo 100 KB, ${IN_FLIGHT} in flight`, value: large, unit: "/s" });
  } finally {
    await echo.close();
  }

  const entry = new URL("../examples/documents/redactor/assembly/index.ts", import.meta.url);
  const redactor = await load(await buildAssemblyScript(entry));
  try {
    const section = payload(SECTION.repeat(Math.ceil(4_096 / SECTION.length)));
    const value = await rate(redactor, section);
    rows.push({ name: `redact a section of 4 KB, ${IN_FLIGHT} in flight`, value, unit: "/s" });
  } finally {
    await redactor.close();
  }
  return rows;
}
