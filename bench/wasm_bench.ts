/**
 * WASM plugins: what the host costs, beside the bare module and the plain package of Extism in the
 * same run, and a sidecar with a plugin beside a bare relay of the broker's client library.
 */

import { authoring, loadPlugin } from "@asya/plugins";
import { bare, type Contestant, optionsOf, ours, plainPackage } from "./wasm/contestants.ts";
import { broker } from "./broker/scene.ts";
import { relayed } from "./wasm/relayed.ts";
import { percentile, type Row } from "./row.ts";

const GUEST = new URL("./wasm/guest", import.meta.url).pathname;
const BUILD_MS = 600_000;
const ROUNDS = 5;
const ROUND_MS = 400;
const IN_FLIGHT = 32;

/** A payload of about so many bytes. */
function payload(bytes: number): Uint8Array {
  const items = Array.from({ length: Math.ceil(bytes / 64) }, (_, id) => ({
    id,
    name: `item number ${id}`,
    tags: ["a", "b"],
    n: 1.5,
  }));
  return new TextEncoder().encode(JSON.stringify({ items }));
}

/** Durations in microseconds of calls one after the other. */
async function oneByOne({ call }: Contestant, input: Uint8Array, ms: number): Promise<number[]> {
  const durations: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const began = performance.now();
    await call(input);
    durations.push((performance.now() - began) * 1_000);
  }
  return durations;
}

async function rate({ call }: Contestant, input: Uint8Array, ms: number): Promise<number> {
  const began = performance.now();
  let calls = 0;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (performance.now() - began < ms) {
      await call(input);
      calls++;
    }
  }));
  return calls / (performance.now() - began) * 1_000;
}

/** Medians of several rounds in turns, after one that does not count. */
async function inTurns(
  contestants: readonly Contestant[],
  measure: (contestant: Contestant) => Promise<number>,
): Promise<Map<string, number>> {
  const figures = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const contestant of round % 2 ? contestants : contestants.toReversed()) {
      const figure = await measure(contestant);
      if (round > 0) figures.get(contestant.name)!.push(figure);
    }
  }
  return new Map([...figures].map(([name, of]) => [name, percentile(of, 0.5)]));
}

const [BARE, PLAIN, INLINE, WORKER] = ["bare module", "plain package", "inline", "worker"] as const;

async function calls(module: Uint8Array): Promise<Row[]> {
  const contestants = [
    bare(BARE, module),
    await plainPackage(PLAIN, module),
    await ours(INLINE, module, { level: "inline" }),
    await ours(WORKER, module, { level: "worker" }),
  ];
  const rows: Row[] = [];
  try {
    for (const [size, bytes] of [["1 KB", 1_000], ["100 KB", 100_000]] as const) {
      const input = payload(bytes);
      const p50 = await inTurns(
        contestants,
        async (one) => percentile(await oneByOne(one, input, ROUND_MS), 0.5),
      );
      const most = size === "1 KB"
        ? { [INLINE]: 60, [WORKER]: 300 }
        : { [INLINE]: 4_000, [WORKER]: 4_000 };
      for (const [name, value] of p50) {
        const goal = (most as Record<string, number>)[name];
        const row = { name: `Rust, JSON of ${size}, ${name}, p50`, value, unit: "us" };
        rows.push(goal === undefined ? row : { ...row, goal: { atMost: goal } });
      }
      for (const name of [INLINE, WORKER]) {
        const value = p50.get(name)! / p50.get(PLAIN)!;
        rows.push({ name: `  ${name} to the plain package`, value, unit: "x" });
      }
    }
  } finally {
    for (const one of contestants) await one.close();
  }
  return rows;
}

async function rates(module: Uint8Array): Promise<Row[]> {
  const contestants = [
    await ours("1 worker", module, { workers: 1 }),
    await ours("2 workers", module, { workers: 2 }),
    await ours("inline", module, { level: "inline" }),
  ];
  const input = payload(1_000);
  try {
    const found = await inTurns(contestants, (one) => rate(one, input, ROUND_MS));
    return [...found].map(([name, value]) => {
      const row = {
        name: `Rust, JSON of 1 KB, ${IN_FLIGHT} in flight, ${name}`,
        value,
        unit: "/s",
      };
      return name === "2 workers" ? { ...row, goal: { atLeast: 10_000 } } : row;
    });
  } finally {
    for (const one of contestants) await one.close();
  }
}

async function starts(module: Uint8Array): Promise<Row[]> {
  const input = payload(1_000);
  const firsts: Record<string, number[]> = { inline: [], worker: [] };
  const anew: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const level of ["inline", "worker"] as const) {
      const began = performance.now();
      const plugin = await loadPlugin(optionsOf(module, { level }));
      await plugin.call({ input, context: {} });
      if (round > 0) firsts[level]!.push(performance.now() - began);
      if (level === "inline") {
        const trap = new TextEncoder().encode('{"do":"trap"}');
        await plugin.call({ input: trap, context: {} }).catch(() => {}); // which is what it is for
        const after = performance.now();
        await plugin.call({ input, context: {} });
        if (round > 0) anew.push(performance.now() - after);
      }
      await plugin.close();
    }
  }
  const ms = (name: string, of: readonly number[], atMost: number) => ({
    name,
    value: percentile(of, 0.5),
    unit: "ms",
    goal: { atMost },
  });
  return [
    ms("load to first call, inline", firsts.inline!, 20),
    ms("load to first call, worker and its thread", firsts.worker!, 20),
    ms("fresh instance after a trap, and a call", anew, 2),
  ];
}

async function memory(module: Uint8Array): Promise<Row> {
  const input = payload(1_000);
  const rss = async (workers: number) => {
    const plugin = await loadPlugin(optionsOf(module, { workers }));
    await Promise.all(Array.from({ length: 200 }, () => plugin.call({ input, context: {} })));
    const { rss } = Deno.memoryUsage();
    await plugin.close();
    return rss / 1e6;
  };
  await rss(1);
  const value = (await rss(9) - await rss(1)) / 8;
  return { name: "memory of one more worker", value, unit: "MB", goal: { atMost: 10 } };
}

/** All rows; about two minutes. */
export async function bench(): Promise<Row[]> {
  const { freshPlugin } = await authoring();
  const { module } = await freshPlugin(GUEST, AbortSignal.timeout(BUILD_MS));
  const rows = [...await calls(module), ...await rates(module), ...await starts(module)];
  rows.push(await memory(module));
  await using running = await broker();
  return [...rows, ...await relayed(running.url, module)];
}
