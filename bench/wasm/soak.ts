/** A million calls of a plugin, one in a hundred of which traps or spins: what is left of them. */

import { authoring, loadPlugin } from "@asya/plugins";
import { percentile, type Row } from "../row.ts";
import { optionsOf } from "./contestants.ts";

const GUEST = new URL("./guest", import.meta.url).pathname;
const CALLS = 1_000_000;
const IN_FLIGHT = 32;
const LIMIT_MS = 20;
/** Parts of the run whose median memory is compared. */
const PARTS = 4;

const encoder = new TextEncoder();
const GOOD = encoder.encode(JSON.stringify({ items: Array(20).fill({ id: 1, name: "an item" }) }));
const TRAP = encoder.encode('{"do":"trap"}');
const SPIN = encoder.encode('{"do":"spin"}');

/** Call number `n`: half a per cent each trap and spin. */
function inputOf(n: number): Uint8Array {
  if (n % 200 === 50) return TRAP;
  return n % 200 === 150 ? SPIN : GOOD;
}

/** All rows; about five minutes. */
export async function bench(): Promise<Row[]> {
  const { freshPlugin } = await authoring();
  const { module } = await freshPlugin(GUEST, AbortSignal.timeout(600_000));
  const limits = { ...optionsOf(module).limits, timeoutMs: LIMIT_MS };
  const plugin = await loadPlugin(optionsOf(module, { workers: 2, limits }));
  const memory = Array.from({ length: PARTS }, (): number[] => []);
  const codes = new Map<string, number>();
  let next = 0;
  const began = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (next < CALLS) {
      const n = next++;
      try {
        await plugin.call({ input: inputOf(n), context: { "asya.id": String(n) } });
      } catch (error) {
        const { code } = error as { code: string };
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
      if (n % 1_000 > 0) continue;
      memory[Math.floor(n / CALLS * PARTS)]!.push(Deno.memoryUsage().rss / 1e6);
    }
  }));
  const seconds = (performance.now() - began) / 1_000;
  await plugin.close();
  const medians = memory.map((of) => percentile(of, 0.5));
  return [
    { name: "calls", value: CALLS / seconds, unit: "/s" },
    { name: "traps", value: codes.get("trap") ?? 0, unit: "" },
    {
      name: "time-outs (those of a busy machine among them)",
      value: codes.get("timeout") ?? 0,
      unit: "",
    },
    ...medians.map((value, n) => ({
      name: `memory, part ${n + 1} of ${PARTS}`,
      value,
      unit: "MB",
    })),
    {
      name: "  last part to the second",
      value: medians.at(-1)! / medians[1]!,
      unit: "x",
      goal: { atMost: 1.1 },
    },
  ];
}
