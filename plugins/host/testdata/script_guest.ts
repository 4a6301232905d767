/** Makes guests of scripts for tests, and hosts that keep what a guest asks for. */

import type { PluginLimits } from "../../plugin.ts";
import type { Guest, HostCalls } from "../guest.ts";
import { GuestLog, type LogLine } from "../guest_log.ts";
import { createScriptGuest, type ScriptGuest, type ScriptGuestOptions } from "../script_guest.ts";

/** Bounds of the tests. No guest reaches the time limit that reaches another one, or none. */
export const SCRIPT_LIMITS: PluginLimits = {
  timeoutMs: 10_000,
  startMs: 10_000,
  memoryBytes: 4 * 1024 * 1024,
  kernelBytes: 1_000_000,
  moduleBytes: 1_000_000,
  outputBytes: 200_000,
};

/** For guests that must be interrupted. */
export const HASTY_LIMITS: PluginLimits = { ...SCRIPT_LIMITS, timeoutMs: 150, startMs: 150 };

/** A host that allows nothing. */
export const NO_HOST: HostCalls = {
  http: () => refuse("http"),
  getState: () => refuse("getState"),
  setState: () => refuse("setState"),
  partial: () => refuse("partial"),
  metric: () => refuse("metric"),
};

function refuse(what: string): never {
  throw new Error(`nobody expected ${what}`);
}

/** How to make a guest and call it; the rest are defaults of the tests. */
export interface ScriptTest extends Partial<Omit<ScriptGuestOptions, "code">> {
  readonly context?: Readonly<Record<string, string>>;
  readonly host?: Partial<HostCalls>;
  readonly limitMs?: number;
}

/** Makes a guest of a script. */
export function scriptGuest(source: string, test: ScriptTest = {}): Promise<ScriptGuest> {
  const { functionName = "handle", config = {}, limits = SCRIPT_LIMITS } = test;
  return createScriptGuest({ code: { kind: "script", source }, functionName, config, limits });
}

/** Calls with text and returns text. */
export function callGuest(
  guest: Guest,
  input = "null",
  { context = {}, host = {}, limitMs, limits = SCRIPT_LIMITS }: ScriptTest = {},
  lines: LogLine[] = [],
): string {
  const log = new GuestLog();
  try {
    const output = guest.call({
      input: new TextEncoder().encode(input),
      context,
      limitMs: limitMs ?? limits.timeoutMs,
      log,
      host: { ...NO_HOST, ...host },
    });
    return new TextDecoder().decode(output);
  } finally {
    lines.push(...log.lines());
  }
}

/** Makes a guest and calls it once. */
export async function runScript(
  source: string,
  input = "null",
  test: ScriptTest = {},
): Promise<string> {
  return callGuest(await scriptGuest(source, test), input, test);
}
