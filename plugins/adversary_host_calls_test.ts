/** Every function that a guest may import, called with the worst of numbers. */

import assert from "node:assert/strict";
import { loadPlugin } from "./host/load.ts";
import { type Plugin, PluginError } from "./plugin.ts";
import { LIMITS } from "./testdata/adversary/cases.ts";
import {
  callerInput,
  callerModule,
  HOST_FUNCTIONS,
  type HostFunction,
} from "./testdata/adversary/host_calls.ts";
import { randomNumbers } from "./testdata/adversary/random.ts";
import { Witness } from "./testdata/adversary/witness.ts";

/** Words of the longest input: a number, and nine values. */
const WORDS = 10;

/** Where the input ends, and with it what the host has handed out. */
const TOP = 16n + 8n + 8n * BigInt(WORDS);

/** Bytes of the guest's memory. */
const PAGE = 65_536n;

const EVIL = [
  0n,
  1n,
  7n,
  24n,
  TOP - 8n,
  TOP - 1n,
  TOP,
  PAGE - 8n,
  PAGE - 1n,
  PAGE,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 32n,
  1n << 47n,
  1n << 63n,
  -8n,
  -1n,
];

/** Lists of values for functions with several parameters. */
const LISTS = { worker: 40, inline: 200 };

function lists(parameters: string, count: number, random: (below: number) => number): bigint[][] {
  if (parameters.length === 0) return [[]];
  if (parameters.length === 1) return EVIL.map((value) => [value]);
  return Array.from(
    { length: count },
    () => Array.from(parameters, () => EVIL[random(EVIL.length)]!),
  );
}

/** How a call may end; what is no PluginError, a dead or a hung worker, is a failure of the host. */
const ENDINGS = /^(trap|guest_error|memory_limit|output_limit|host_limit|denied)$/;

async function callWith(plugin: Plugin, which: number, values: readonly bigint[]): Promise<void> {
  const words = [BigInt(which), ...values];
  const input = callerInput([...words, ...Array<bigint>(WORDS - words.length).fill(0n)]);
  try {
    await plugin.call({ input, context: {} });
  } catch (error) {
    const shown = `${HOST_FUNCTIONS[which]!.name}(${values.join(", ")}): ${error}`;
    assert(error instanceof PluginError, shown);
    assert.match(error.code, ENDINGS, shown);
    assert.doesNotMatch(error.message, /worker/, shown);
  }
}

for (const level of ["worker", "inline"] as const) {
  Deno.test(`Plugin.call() holds every host function with evil values at level ${level}`, async () => {
    const random = randomNumbers(5);
    await using witness = await Witness.start();
    const plugin = await loadPlugin({
      module: callerModule(),
      functionName: "handle",
      config: {},
      workers: 1,
      level,
      allowedHosts: [],
      stateBytes: 100_000,
      limits: level === "worker" ? { ...LIMITS, timeoutMs: 5_000 } : LIMITS,
    });
    const good = callerInput(Array<bigint>(WORDS).fill(1_000_000n));
    const attack = async (which: number, { parameters }: HostFunction) => {
      for (const values of lists(parameters, LISTS[level], random)) {
        await callWith(plugin, which, values);
        assert.deepEqual(await plugin.call({ input: good, context: {} }), good);
      }
    };
    try {
      await witness.during(async () => {
        for (const [which, one] of HOST_FUNCTIONS.entries()) await attack(which, one);
      });
    } finally {
      await plugin.close();
    }
  });
}
