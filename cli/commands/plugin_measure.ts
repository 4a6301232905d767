/**
 * What a call of a plugin costs, measured by a program of its own: the memory and the compiled code
 * of whatever ran before would show in the figures.
 */

import {
  loadPlugin,
  type Plugin,
  PluginError,
  type PluginErrorCode,
  type PluginOptions,
} from "@asya/plugins";

/** What to measure. */
export interface Measurement {
  /** Path of the module. */
  readonly module: string;
  /** How to load it. */
  readonly options: Omit<PluginOptions, "module" | "log">;
  /** JSON texts, given in turn. */
  readonly inputs: readonly string[];
}

/** What came of it. */
export interface Figures {
  /** Of single calls, in microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** With as many at once as the plugin takes. */
  readonly perSecond: number;
  /** What the process grew by until its calls were warm, in bytes. */
  readonly memory: number;
}

/** Why there are no figures. */
export interface MeasurementFailure {
  readonly code: PluginErrorCode;
  readonly message: string;
  readonly stack?: string | undefined;
}

/** Figures, or what failed. */
export type MeasurementAnswer = Figures | { readonly failure: MeasurementFailure };

/** For the engine to compile what runs often, then for single calls, then for many at once. */
const WARM_UP_MS = 300;
const SINGLE_MS = 1_000;
const MANY_MS = 1_000;

/** Calls with one input after the other, as many at once, until the time is over. */
async function callFor(
  plugin: Plugin,
  inputs: readonly Uint8Array[],
  inFlight: number,
  ms: number,
): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + ms;
  let next = 0;
  const caller = async () => {
    while (performance.now() < end) {
      const began = performance.now();
      await plugin.call({ input: inputs[next++ % inputs.length]!, context: {} });
      times.push((performance.now() - began) * 1_000);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return times.sort((a, b) => a - b);
}

async function measure({ module, options, inputs }: Measurement): Promise<Figures> {
  const encoder = new TextEncoder();
  const given = inputs.map((input) => encoder.encode(input));
  const bytes = await Deno.readFile(module);
  const before = Deno.memoryUsage().rss;
  const plugin = await loadPlugin({ ...options, module: bytes });
  try {
    await callFor(plugin, given, 1, WARM_UP_MS);
    const memory = Deno.memoryUsage().rss - before;
    const times = await callFor(plugin, given, 1, SINGLE_MS);
    const quantile = (part: number) => times[Math.floor(times.length * part)]!;
    const many = await callFor(plugin, given, plugin.concurrency, MANY_MS);
    const perSecond = many.length / (MANY_MS / 1_000);
    return { p50: quantile(0.5), p99: quantile(0.99), perSecond, memory };
  } finally {
    await plugin.close();
  }
}

async function answer(measurement: Measurement): Promise<MeasurementAnswer> {
  try {
    return await measure(measurement);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    const { code, message, guestStack } = error;
    return { failure: { code, message, stack: guestStack } };
  }
}

if (import.meta.main) {
  const measurement: Measurement = await new Response(Deno.stdin.readable).json();
  console.log(JSON.stringify(await answer(measurement)));
}
