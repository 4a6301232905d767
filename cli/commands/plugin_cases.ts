/** `asya plugin test`: runs a plugin's cases as the sidecar would. */

import { type Envelope, type Frame, parseEnvelope } from "@asya/envelope";
import {
  authoring,
  type BuiltPlugin,
  type JsonValue,
  judge,
  loadPlugin,
  type Outcome,
  parseJson,
  type PluginCase,
  printJson,
} from "@asya/plugins";
import {
  type Handler,
  HandlerError,
  HandlerTimeout,
  InvalidAnswer,
  wasmHandler,
} from "@asya/sidecar";
import { CommandError, type Io } from "../command.ts";
import { tellNotes } from "./plugin_build.ts";
import { optionsOf, settingsOf } from "./plugin_settings.ts";

/** The start of a plugin, and its pause after failures, take no longer. */
const READY_MS = 60_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The envelope that brings a case's input to the actor. In envelope mode the input is the envelope,
 * whose id and route may be left out.
 */
export function envelopeOf(
  { input, attempt }: Pick<PluginCase, "input" | "attempt">,
  actor: string,
  mode: "payload" | "envelope",
): Envelope {
  const given = mode === "payload" ? { payload: input } : input as Record<string, JsonValue>;
  const json = printJson({
    id: "case",
    route: { actors: [actor], current: parseJson("0") },
    status: { attempt: parseJson(String(attempt)) },
    ...given,
  });
  return parseEnvelope(encoder.encode(json));
}

/** In envelope mode a frame's members, else its payload. */
function outputOf({ payload, route, headers }: Frame, mode: "payload" | "envelope"): JsonValue {
  const value = parseJson(decoder.decode(payload));
  if (mode === "payload") return value;
  return {
    payload: value,
    ...route === undefined ? {} : { route: parseJson(route) },
    ...headers === undefined ? {} : { headers: parseJson(headers) },
  };
}

function failureOf(error: unknown): Outcome {
  if (error instanceof HandlerError) {
    const { type, message } = error.failure;
    return { error: { type, message } };
  }
  if (error instanceof HandlerTimeout || error instanceof InvalidAnswer) {
    return { error: { message: error.message } };
  }
  throw error;
}

async function outcomeOf(
  handler: Handler,
  one: PluginCase,
  { definition }: BuiltPlugin,
  signal: AbortSignal,
): Promise<Outcome> {
  const { mode, name } = definition;
  const envelope = envelopeOf(one, name, mode);
  const limitMs = settingsOf(definition).wasmTimeout;
  const call = { envelope, attempt: one.attempt, limitMs, signal };
  try {
    const { frames } = await handler.handle(call, { started() {}, partial() {} });
    return { outputs: frames.map((frame) => outputOf(frame, mode)) };
  } catch (error) {
    return failureOf(error);
  }
}

/** Runs the cases that have the same settings, on one plugin; returns how many failed. */
async function runCases(
  cases: readonly PluginCase[],
  built: BuiltPlugin,
  io: Io,
): Promise<number> {
  const { definition, module } = built;
  const config = { ...definition.config, ...cases[0]!.config };
  let lines: string[] = [];
  const options = optionsOf({ definition: { ...definition, config }, module }, (level, line) => {
    lines.push(`${level}: ${line}`);
  });
  const { name: actor, mode } = definition;
  const handler = wasmHandler({ load: () => loadPlugin(options), actor, mode });
  const width = Math.max(...cases.map(({ name }) => name.length));
  let failed = 0;
  try {
    for (const one of cases) {
      lines = [];
      // Also after failures in a row, for which a plugin takes a pause.
      await handler.ready(AbortSignal.any([io.interrupted, AbortSignal.timeout(READY_MS)]));
      const began = performance.now();
      const outcome = await outcomeOf(handler, one, built, io.interrupted);
      const problems = judge(one, outcome);
      const time = `${(performance.now() - began).toFixed(1)} ms`;
      io.out(`${problems.length === 0 ? "ok    " : "FAILED"} ${one.name.padEnd(width)}  ${time}`);
      if (problems.length === 0) continue;
      failed++;
      const logged = lines.length > 0 ? [`log\n${lines.join("\n").replaceAll(/^/gm, "  ")}`] : [];
      for (const text of [...problems, ...logged]) io.out(text.replaceAll(/^/gm, "       "));
    }
  } finally {
    await handler.close();
  }
  return failed;
}

/** The cases of a plugin. @throws CommandError where there are none */
export async function casesOf(dir: string): Promise<PluginCase[]> {
  const { readCases } = await authoring();
  const cases = await readCases(dir);
  if (cases.length > 0) return cases;
  const example = `write one: {"input": {}, "output": {}} in ${dir}/cases/first.json`;
  throw new CommandError(`${dir} has no cases`, example);
}

/** Builds where a source is newer, then runs every case; exit code 1 where one fails. */
export async function casesCommand(dir: string, io: Io): Promise<number> {
  const cases = await casesOf(dir);
  const { freshPlugin } = await authoring();
  const built = await freshPlugin(dir, io.interrupted);
  tellNotes(built, io);
  // A plugin is loaded with its settings: once for all cases that have the same.
  const groups = Map.groupBy(cases, ({ config }) => JSON.stringify(config));
  let failed = 0;
  for (const group of groups.values()) failed += await runCases(group, built, io);
  io.note(failed === 0 ? `${cases.length} passed` : `${failed} of ${cases.length} failed`);
  return failed === 0 ? 0 : 1;
}
