/**
 * Prints what hostile guests leave of a process: one line of JSON for each group of them, the last
 * one for 10,000 calls that are good and bad by turns.
 */

import process from "node:process";
import { loadPlugin } from "../../host/load.ts";
import { ANY, withPlugin } from "../../host/testdata/with_plugin.ts";
import { type Plugin, PluginError } from "../../plugin.ts";
import { type Case, CASES, LIMITS, optionsOf } from "./cases.ts";
import { Witness } from "./witness.ts";

/** What is left after a group. */
export interface Footprint {
  readonly group: string;
  /** Calls that were made. */
  readonly calls: number;
  /** Those of them that failed. */
  readonly failed: number;
  /** Memory of the process beside what it had before the group. */
  readonly grownBytes: number;
  /** Least processor time of the process during {@linkcode IDLE_MS} after the group. */
  readonly idleCpuMs: number;
}

const IDLE_MS = 300;
/** V8 goes on compiling for a while; a thread that spins goes on for ever. */
const LOOKS = 10;
const QUIET_MS = 150;
const ALTERNATING_CALLS = 10_000;

interface Count {
  calls: number;
  failed: number;
}

async function count(count: Count, call: Promise<unknown>): Promise<void> {
  count.calls++;
  try {
    await call;
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    count.failed++;
  }
}

async function attack(one: Case, counted: Count): Promise<void> {
  let plugin: Plugin;
  try {
    plugin = await loadPlugin(optionsOf(one, "worker"));
  } catch (error) {
    return await count(counted, Promise.reject(error));
  }
  const input = new TextEncoder().encode('"input"');
  for (let n = 0; n < 2; n++) await count(counted, plugin.call({ input, context: {} }));
  await plugin.close();
}

async function alternate(counted: Count): Promise<void> {
  const bad = Object.values(ANY).filter((letter) => letter !== ANY.echo && letter !== ANY.pass);
  await withPlugin("any", async (plugin) => {
    let next = 0;
    let spins = 0;
    const caller = async () => {
      while (next < ALTERNATING_CALLS) {
        const n = next++;
        let letter = n % 2 === 0 ? ANY.echo : bad[(n >> 1) % bad.length]!;
        // they take the longest
        if (letter === ANY.spin && spins++ % 10 !== 0) letter = ANY.trap;
        const text = `${letter} call ${n}`;
        const input = new TextEncoder().encode(text);
        const limitMs = letter === ANY.spin ? 20 : 5_000;
        const call = plugin.call({ input, context: {}, limitMs });
        await count(counted, call);
        if (letter !== ANY.echo) continue;
        if (new TextDecoder().decode(await call) !== text) throw new Error(`wrong answer: ${n}`);
      }
    };
    await Promise.all(Array.from({ length: 4 }, caller));
  }, { limits: { ...LIMITS, timeoutMs: 5_000 } });
}

async function measured(group: string, run: (counted: Count) => Promise<void>): Promise<void> {
  const collect = (globalThis as { gc?: () => void }).gc!;
  collect();
  const before = Deno.memoryUsage().rss;
  const counted = { calls: 0, failed: 0 };
  await run(counted);
  let idleCpuMs = Infinity;
  for (let look = 0; look < LOOKS && idleCpuMs > QUIET_MS; look++) {
    const cpu = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const { user, system } = process.cpuUsage(cpu);
    idleCpuMs = Math.min(idleCpuMs, (user + system) / 1_000);
  }
  collect();
  const grownBytes = Deno.memoryUsage().rss - before;
  console.log(JSON.stringify({ group, ...counted, grownBytes, idleCpuMs } satisfies Footprint));
}

const groups = Map.groupBy(
  CASES.filter(({ levels }) => levels.includes("worker")),
  ({ file, at }) => at === "load" ? "modules that are refused" : file,
);
await using witness = await Witness.start();
for (const [group, cases] of groups) {
  await measured(group, async (counted) => {
    await witness.during(async () => {
      for (const one of cases) await attack(one, counted);
    });
  });
}
await measured("alternating", (counted) => witness.during(() => alternate(counted)).then(() => {}));
