/**
 * Throughput: each contestant has a queue, is frozen while its queue is filled, and is measured
 * until as many messages have arrived at the next one. Slices alternate over several rounds, so
 * that a busy machine hurts all alike; processes live through all rounds and are warm.
 */

import type { Process } from "./process.ts";
import { envelopes, type Scene } from "./scene.ts";

/** Where everything goes. */
export const NEXT = "next";
/** Rounds that count. */
export const ROUNDS = 5;

/** What works on a queue of its own, from actor `name` to {@linkcode NEXT}. */
export interface Contestant {
  readonly name: string;
  readonly process: Process;
}

/** What one contestant did in one slice. */
export interface Slice {
  /** Messages a second, from the first to the arrival of the last. */
  readonly rate: number;
  /** Processor time of its process per message, in milliseconds. */
  readonly cpuMs: number;
}

/** How much a slice is. */
export interface Load {
  readonly count: number;
  readonly bytes: number;
}

/** One slice of one contestant. */
export async function slice(
  scene: Scene,
  { name, process }: Contestant,
  { count, bytes }: Load,
): Promise<Slice> {
  await scene.purge(NEXT);
  process.freeze();
  await scene.publishAll(name, count, envelopes(crypto.randomUUID(), [name, NEXT], bytes));
  const cpu = process.cpuMs;
  const began = performance.now();
  process.thaw();
  await scene.untilDepth(NEXT, (depth) => depth >= count || fail(process, name));
  const seconds = (performance.now() - began) / 1000;
  return { rate: count / seconds, cpuMs: (process.cpuMs - cpu) / count };
}

function fail({ ended }: Process, name: string): false {
  if (ended) throw new Error(`${name} ended by itself`);
  return false;
}

/** Slices by contestant, in the order of the rounds. */
export type Results = ReadonlyMap<string, readonly Slice[]>;

/** All contestants against each other: one round to warm up, then those that count. */
export async function race(
  scene: Scene,
  entries: readonly { readonly contestant: Contestant; readonly load: Load }[],
): Promise<Results> {
  const results = new Map<string, Slice[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    // There and back, so that nobody always comes after the same neighbour.
    for (const { contestant, load } of round % 2 ? entries : entries.toReversed()) {
      const one = await slice(scene, contestant, load);
      if (round > 0) results.set(contestant.name, [...results.get(contestant.name) ?? [], one]);
    }
  }
  return results;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** Median messages a second. */
export function rateOf(results: Results, name: string): number {
  return median(results.get(name)!.map(({ rate }) => rate));
}

/** Median of the rounds' ratios. */
export function ratioOf(results: Results, name: string, to: string): number {
  const others = results.get(to)!;
  return median(results.get(name)!.map(({ rate }, round) => rate / others[round]!.rate));
}

/** Median processor time per message, in milliseconds. */
export function cpuOf(results: Results, name: string): number {
  return median(results.get(name)!.map(({ cpuMs }) => cpuMs));
}
