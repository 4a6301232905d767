/** A sidecar with a plugin on RabbitMQ, beside a bare relay on the same queues. */

import { Cast } from "../broker/cast.ts";
import { cpuOf, race, rateOf, ratioOf } from "../broker/race.ts";
import { Scene } from "../broker/scene.ts";
import type { Row } from "../row.ts";

const PREFETCH = 100;
const LOAD = { count: 4_000, bytes: 1_024 };
const RELAY = `relay-${PREFETCH}`;

/** 1 KB at prefetch 100. */
export async function relayed(url: string, module: Uint8Array): Promise<Row[]> {
  await using scene = await Scene.open(url, "wasm");
  await using cast = new Cast(scene);
  const file = await Deno.makeTempFile({ suffix: ".wasm" });
  try {
    await Deno.writeFile(file, module);
    const env = { ASYA_RABBITMQ_PREFETCH: `${PREFETCH}` };
    // As many calls at once as an operator allows one worker.
    const plugin = { ...env, ASYA_WASM_MODULE: file, ASYA_CONCURRENCY: "32" };
    const contestants = [
      await cast.relay(RELAY, PREFETCH),
      await cast.plugin("worker", plugin),
      await cast.plugin("inline", {
        ...plugin,
        ASYA_WASM_LEVEL: "inline",
        ASYA_WASM_TIMEOUT: "100ms",
      }),
    ];
    const results = await race(
      scene,
      contestants.map((contestant) => ({ contestant, load: LOAD })),
    );
    const rows: Row[] = [
      { name: "bare relay, 1 KB, prefetch 100", value: rateOf(results, RELAY), unit: "/s" },
    ];
    for (const level of ["worker", "inline"]) {
      const name = `sidecar with the plugin, ${level}, 1 KB, prefetch 100`;
      rows.push({ name, value: rateOf(results, level), unit: "/s" });
      rows.push({
        name: "  of the bare relay",
        value: ratioOf(results, level, RELAY),
        unit: "x",
        goal: { atLeast: 0.6 },
      });
      rows.push({ name: "  CPU a message", value: cpuOf(results, level), unit: "ms" });
    }
    return rows;
  } finally {
    await Deno.remove(file);
  }
}
