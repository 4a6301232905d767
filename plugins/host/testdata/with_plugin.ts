/** Loads the test guest (or another module) for the length of one test. */

import type { Plugin, PluginOptions } from "../../plugin.ts";
import { loadPlugin } from "../load.ts";
import { guestModule } from "./assemble.ts";

/** Bounds of the tests: small, so that hostile guests reach them soon. */
export const LIMITS = {
  timeoutMs: 150,
  startMs: 5_000,
  memoryBytes: 4 * 1024 * 1024,
  kernelBytes: 2_000_000,
  moduleBytes: 100_000,
  outputBytes: 200_000,
};

/** How tests load a module, but for the module itself and its function. */
export const OPTIONS = {
  config: {},
  workers: 1,
  level: "worker",
  allowedHosts: [],
  stateBytes: 0,
  limits: LIMITS,
} as const satisfies Partial<PluginOptions>;

/** For guests that reach another limit than that on time, on a busy machine too. */
export const PATIENT = { ...LIMITS, timeoutMs: 5_000 };

/** The function `any` of the guest picks another of its functions by its input's first letter. */
export const ANY = {
  echo: "a",
  pass: "b",
  trap: "c",
  fail: "d",
  spin: "e",
  recurse: "f",
  grow: "g",
  leak: "h",
  alloc_hog: "i",
  alloc_negative: "j",
  output_beyond: "k",
  output_huge: "l",
  log_flood: "m",
  http: "n",
  partial: "o",
  exit: "p",
};

/** Loads, runs `use`, and closes whatever happens. */
export async function withPlugin(
  functionName: string,
  use: (plugin: Plugin) => Promise<void>,
  options: Partial<PluginOptions> = {},
): Promise<void> {
  const plugin = await loadPlugin({
    module: guestModule(),
    functionName,
    ...OPTIONS,
    ...options,
  });
  try {
    await use(plugin);
  } finally {
    await plugin.close();
  }
}

/** Calls with text and returns text. */
export async function ask(plugin: Plugin, input = "x", context = {}): Promise<string> {
  const output = await plugin.call({ input: new TextEncoder().encode(input), context });
  return new TextDecoder().decode(output);
}
