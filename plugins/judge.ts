/** Whether what came of a call is what its case expects. */

import type { PluginCase } from "./cases.ts";
import { differences, type JsonValue } from "./json_value.ts";

/** What came of a call. */
export type Outcome =
  | { readonly outputs: readonly JsonValue[] }
  | { readonly error: { readonly type?: string | undefined; readonly message: string } };

/** More differences of one case are not listed. */
const MAX_DIFFERENCES = 20;

function told(outcome: Outcome): string {
  if ("error" in outcome) {
    const { type, message } = outcome.error;
    return `the error ${type === undefined ? "" : `${type}: `}${message}`;
  }
  const { length } = outcome.outputs;
  return length === 1 ? "one output" : length === 0 ? "nothing" : `${length} outputs`;
}

function* mismatches({ expected, exact }: PluginCase, outcome: Outcome): Generator<string> {
  if ("error" in expected) {
    if (!("error" in outcome)) return yield `expected an error\ngot      ${told(outcome)}`;
    for (const name of ["type", "message"] as const) {
      const wanted = expected.error[name];
      if (wanted === undefined || wanted === outcome.error[name]) continue;
      yield `error.${name}\n  expected ${wanted}\n  got      ${outcome.error[name] ?? "none"}`;
    }
    return;
  }
  const { outputs } = expected;
  if ("error" in outcome || outcome.outputs.length !== outputs.length) {
    yield `expected ${told(expected as Outcome)}\ngot      ${told(outcome)}`;
    if ("error" in outcome) return;
  }
  const one = outputs.length === 1 && outcome.outputs.length === 1;
  const found = one
    ? differences(outputs[0], outcome.outputs[0], exact, "output")
    : differences(outputs, outcome.outputs, exact, "outputs");
  for (const { path, expected, actual } of found) {
    yield `${path}\n  expected ${expected}\n  got      ${actual}`;
  }
}

/** What is wrong with an outcome, a few lines a difference; empty: nothing. */
export function judge(one: PluginCase, outcome: Outcome): string[] {
  const found: string[] = [];
  for (const mismatch of mismatches(one, outcome)) {
    if (found.length === MAX_DIFFERENCES) return [...found, "and more differences"];
    found.push(mismatch);
  }
  return found;
}
