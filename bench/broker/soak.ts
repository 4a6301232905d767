/**
 * Ten minutes at a steady rate, half a million messages: memory and latency by the minute, which
 * must not rise.
 */

import { percentile, type Row } from "../row.ts";
import { Cast } from "./cast.ts";
import { broker, envelopes, Scene } from "./scene.ts";

const MINUTES = 10;
const RATE_PER_SECOND = 840;
const TICK_MS = 10;
const BYTES = 1_024;
const END = "end";
/** Growth from the second minute to the last that is noise. */
const MEMORY_SLACK = 1.1;
const LATENCY_SLACK = 1.25;

/** What one minute was like. */
interface Minute {
  readonly p50: number;
  readonly p99: number;
  readonly residentMB: number;
}

/** A sidecar beside a Python handler that does nothing. */
export async function bench(): Promise<Row[]> {
  await using running = await broker();
  await using scene = await Scene.open(running.url, "soak");
  await using cast = new Cast(scene);
  await scene.declare(END);
  const { process } = await cast.beside(await cast.python("noop"), "soak");
  const sentAt = new Map<string, number>();
  let took: number[] = [];
  await scene.consume(END, 1_000, (id) => {
    took.push(performance.now() - sentAt.get(id)!);
    sentAt.delete(id);
  });
  const make = envelopes("soak", ["soak", END], BYTES);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // raced below
  const began = performance.now();
  const minutes: Minute[] = [];
  let sent = 0;
  while (minutes.length < MINUTES) {
    const due = (performance.now() - began) / 1000 * RATE_PER_SECOND;
    for (; sent < due; sent++) {
      const { id, bytes } = make(sent);
      sentAt.set(id, performance.now());
      scene.publish("soak", id, bytes).catch(failed.reject);
    }
    await Promise.race([new Promise((waited) => setTimeout(waited, TICK_MS)), failed.promise]);
    if (performance.now() - began < (minutes.length + 1) * 60_000) continue;
    const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
    minutes.push({ p50, p99, residentMB: process.residentMB });
    took = [];
  }
  await scene.untilDepth("soak", (depth) => depth === 0);
  return rows(minutes, sent);
}

function rows(minutes: readonly Minute[], sent: number): Row[] {
  const second = minutes[1]!; // the first one warms up
  const last = minutes.at(-1)!;
  const by = (name: string, unit: string, of: (minute: Minute) => number): Row[] =>
    minutes.map((minute, n) => ({ name: `${name}, minute ${n + 1}`, value: of(minute), unit }));
  return [
    { name: "messages", value: sent, unit: "" },
    ...by("latency p50", "ms", ({ p50 }) => p50),
    ...by("latency p99", "ms", ({ p99 }) => p99),
    ...by("memory of the sidecar", "MB", ({ residentMB }) => residentMB),
    {
      name: "latency p50, last minute / second",
      value: last.p50 / second.p50,
      unit: "x",
      goal: { atMost: LATENCY_SLACK },
    },
    {
      name: "memory, last minute / second",
      value: last.residentMB / second.residentMB,
      unit: "x",
      goal: { atMost: MEMORY_SLACK },
    },
  ];
}
