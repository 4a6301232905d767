/** Prints what 20,000 mixed calls leave of a process, as JSON. */

import process from "node:process";
import type { Plugin } from "../../plugin.ts";
import { ANY, PATIENT, withPlugin } from "./with_plugin.ts";

const IDLE_MS = 500;
const letters = Object.values(ANY);

/** Good calls, and each 50th of another kind. @returns how many failed */
async function callMany(plugin: Plugin, count: number): Promise<number> {
  let failed = 0;
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const i = next++;
      const letter = i % 50 === 0 ? letters[(i / 50) % letters.length]! : ANY.echo;
      const input = new TextEncoder().encode(letter + "x".repeat(i % 700));
      const limitMs = letter === ANY.spin ? 20 : PATIENT.timeoutMs;
      await plugin.call({ input, context: { "asya.id": String(i) }, limitMs }).catch(() =>
        failed++
      );
    }
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  return failed;
}

await withPlugin("any", async (plugin) => {
  const warmUp = await callMany(plugin, 4_000);
  const before = Deno.memoryUsage().rss;
  const failed = warmUp + await callMany(plugin, 16_000);
  const grownBytes = Deno.memoryUsage().rss - before;
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ failed, grownBytes, idleCpuMs: (user + system) / 1_000 }));
}, { limits: PATIENT });
