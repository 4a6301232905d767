/** `asya plugin bench`: what a call of a plugin costs, at every level where it can run. */

import { fileURLToPath } from "node:url";
import { encodeEnvelope } from "@asya/envelope";
import {
  authoring,
  LONGEST_INLINE_MS,
  type PluginLevel,
  type PluginOptions,
  printJson,
} from "@asya/plugins";
import { CommandError, type Io } from "../command.ts";
import { tellNotes } from "./plugin_build.ts";
import { casesOf, envelopeOf } from "./plugin_cases.ts";
import type { Measurement, MeasurementAnswer, MeasurementFailure } from "./plugin_measure.ts";
import { optionsOf } from "./plugin_settings.ts";

const LEVELS: readonly PluginLevel[] = ["inline", "worker"];
const PROGRAM = fileURLToPath(new URL("./plugin_measure.ts", import.meta.url));
const LIMIT_MS = 60_000;

function atLevel(options: PluginOptions, level: PluginLevel): Measurement["options"] {
  const { module: _module, log: _log, limits, ...rest } = options;
  // An actor with a longer limit could not run inline; it is measured all the same.
  const shorter = Math.min(limits.timeoutMs, LONGEST_INLINE_MS);
  const timeoutMs = level === "inline" ? shorter : limits.timeoutMs;
  return { ...rest, level, limits: { ...limits, timeoutMs } };
}

async function measured(
  measurement: Measurement,
  interrupted: AbortSignal,
): Promise<MeasurementAnswer> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", PROGRAM],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([interrupted, AbortSignal.timeout(LIMIT_MS)]),
  }).spawn();
  await new Blob([JSON.stringify(measurement)]).stream().pipeTo(child.stdin);
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (success) return JSON.parse(decoder.decode(stdout));
  interrupted.throwIfAborted();
  throw new CommandError(`a call failed: ${decoder.decode(stderr).trim().slice(0, 2_000)}`);
}

/** Why it cannot run at this level, if that is all; every other failure is one of the plugin. */
function unfit(level: PluginLevel, { code, message, stack }: MeasurementFailure): string {
  if (code === "denied") return message;
  if (code === "timeout" && level === "inline") {
    return `takes longer than ${LONGEST_INLINE_MS} ms, which is not allowed here`;
  }
  throw new CommandError(`a call failed: ${message}${stack ? `\n${stack}` : ""}`);
}

function row(cells: readonly (string | number)[]): string {
  const texts = cells.map((cell) => typeof cell === "number" ? cell.toFixed(0) : cell);
  return texts[0]!.padEnd(8) + texts.slice(1).map((text) => text.padStart(11)).join("");
}

/** Prints a line a level; memory is what a process grows by. */
export async function benchCommand(dir: string, io: Io): Promise<number> {
  // An error costs a new instance, which is not what a call costs.
  const cases = (await casesOf(dir)).filter(({ expected }) => !("error" in expected));
  if (cases.length === 0) throw new CommandError(`${dir} has only cases of errors`);
  const { freshPlugin } = await authoring();
  const built = await freshPlugin(dir, io.interrupted);
  tellNotes(built, io);
  const { name, mode } = built.definition;
  const decoder = new TextDecoder();
  const inputs = cases.map((one) =>
    mode === "payload"
      ? printJson(one.input)
      : decoder.decode(encodeEnvelope(envelopeOf(one, name, mode)))
  );
  io.out(row(["level", "p50 us", "p99 us", "calls/s", "memory"]));
  for (const level of LEVELS) {
    const options = atLevel(optionsOf(built), level);
    const found = await measured({ module: built.path, options, inputs }, io.interrupted);
    if ("failure" in found) {
      io.out(`${level.padEnd(8)} ${unfit(level, found.failure)}`);
      continue;
    }
    const { p50, p99, perSecond, memory } = found;
    io.out(row([level, p50, p99, perSecond, `${(memory / 2 ** 20).toFixed(1)} MiB`]));
  }
  return 0;
}
