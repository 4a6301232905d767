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
  PluginError,
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

/** What came of a case, and where in the source it failed. */
interface Called {
  readonly outcome: Outcome;
  readonly stack?: string | undefined;
}

function failureOf(error: unknown): Called {
  if (error instanceof HandlerError) {
    const { type, message, traceback } = error.failure;
    return { outcome: { error: { type, message } }, stack: traceback };
  }
  if (error instanceof HandlerTimeout || error instanceof InvalidAnswer) {
    return { outcome: { error: { message: error.message } } };
  }
  throw error;
}

async function outcomeOf(
  handler: Handler,
  one: PluginCase,
  { definition }: BuiltPlugin,
  signal: AbortSignal,
): Promise<Called> {
  const { mode, name } = definition;
  const envelope = envelopeOf(one, name, mode);
  const limitMs = settingsOf(definition).wasmTimeout;
  const call = { envelope, attempt: one.attempt, limitMs, signal };
  try {
    const { frames } = await handler.handle(call, { started() {}, partial() {} });
    return { outcome: { outputs: frames.map((frame) => outputOf(frame, mode)) } };
  } catch (error) {
    return failureOf(error);
  }
}

/** A plugin that fails before its first call fails every case: told once, with its place. */
function startFailure(error: unknown): unknown {
  if (!(error instanceof PluginError)) return error;
  const type = error.type === undefined ? "" : `${error.type}: `;
  const stack = error.guestStack ? `\n${error.guestStack}` : "";
  return new CommandError(`it does not start: ${type}${error.message}${stack}`, undefined, {
    cause: error,
  });
}

async function untilReady(handler: Handler, interrupted: AbortSignal): Promise<void> {
  try {
    await handler.ready(AbortSignal.any([interrupted, AbortSignal.timeout(READY_MS)]));
  } catch (error) {
    throw startFailure(error);
  }
}

function section(title: string, lines: string): string {
  return `${title}\n${lines.replaceAll(/^/gm, "  ")}`;
}

/** Runs the cases that have the same settings, on one plugin; returns how many failed. */
async function runCases(
  cases: readonly PluginCase[],
  built: BuiltPlugin,
  width: number,
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
  let failed = 0;
  try {
    for (const one of cases) {
      lines = [];
      // Also after failures in a row, for which a plugin takes a pause.
      await untilReady(handler, io.interrupted);
      const began = performance.now();
      const { outcome, stack } = await outcomeOf(handler, one, built, io.interrupted);
      const problems = judge(one, outcome);
      const time = `${(performance.now() - began).toFixed(1)} ms`;
      io.out(`${problems.length === 0 ? "ok    " : "FAILED"} ${one.name.padEnd(width)}  ${time}`);
      if (problems.length === 0) continue;
      failed++;
      const details = [...problems];
      if (stack !== undefined) details.push(section("stack", stack));
      if (lines.length > 0) details.push(section("log", lines.join("\n")));
      for (const text of details) io.out(text.replaceAll(/^/gm, "       "));
    }
  } finally {
    await handler.close();
  }
  return failed;
}

/** The cases of a plugin. @throws CommandError where there are none; PluginFileError */
export async function casesOf(dir: string): Promise<PluginCase[]> {
  const { readCases, readDefinition } = await authoring();
  await readDefinition(dir); // a folder that is none of a plugin's has no cases either
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
  const width = Math.max(...cases.map(({ name }) => name.length));
  let failed = 0;
  for (const group of groups.values()) failed += await runCases(group, built, width, io);
  io.note(failed === 0 ? `${cases.length} passed` : `${failed} of ${cases.length} failed`);
  return failed === 0 ? 0 : 1;
}
