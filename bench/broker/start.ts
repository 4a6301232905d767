/** From the start of a process to its first message at the next actor; the message waits already. */

import type { Row } from "../row.ts";
import { Cast, relayProcess, sidecarProcess } from "./cast.ts";
import { Probe } from "./latency.ts";
import type { Process } from "./process.ts";
import { median, ROUNDS } from "./race.ts";
import { Scene } from "./scene.ts";

/** A sidecar whose runtime is up, and a bare relay beside it. */
export async function start(url: string): Promise<Row[]> {
  await using scene = await Scene.open(url, "start");
  await using cast = new Cast(scene);
  const { dir } = await cast.python("noop");
  const bare = { name: "bare", actors: ["bare", "end"] };
  const ours = { name: "ours", actors: ["ours", "end"] };
  await scene.declare("bare", "ours", "end");
  const probe = await Probe.open(scene, [ours]);
  const measure = async (line: typeof ours, process: () => Promise<Process>) => {
    const arrived = probe.send(line);
    arrived.catch(() => undefined); // awaited below
    await scene.untilDepth(line.actors[0]!, (depth) => depth === 1);
    const began = performance.now();
    await using _ = await process();
    await arrived;
    return performance.now() - began;
  };
  const relays: number[] = [];
  const sidecars: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const relay = await measure(bare, () => relayProcess(scene, "bare", "end", 10));
    const sidecar = await measure(
      ours,
      () => sidecarProcess(scene, "sidecar/main", "ours", { ASYA_SOCKET_DIR: dir }),
    );
    if (round === 0) continue; // fills the system's caches
    relays.push(relay);
    sidecars.push(sidecar);
  }
  return [
    { name: "process start to first message, bare relay", value: median(relays), unit: "ms" },
    {
      name: "process start to first message, sidecar beside a runtime that is up",
      value: median(sidecars),
      unit: "ms",
      goal: { atMost: 300 },
    },
  ];
}
