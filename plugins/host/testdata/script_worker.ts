/** A worker that makes guests of scripts, good and hostile, and says how their calls ended. */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { HASTY_LIMITS, runScript, type ScriptTest } from "./script_guest.ts";

const hasty = { limits: HASTY_LIMITS };

const RUNS: readonly [source: string, input: string, test: ScriptTest][] = [
  [`export default (p) => ({ n: p + 1 })`, "1", {}],
  [`export default () => { for (;;); }`, "1", hasty],
  [`export default () => /^(a+)+$/.test("a".repeat(40) + "b")`, "1", hasty],
  [`export default () => { const a = []; for (;;) a.push(new Uint8Array(10_000)); }`, "1", {}],
  [`export default function f(p) { return f(p) + 1 }`, "1", {}],
  [`export default (p) => ({ n: p + 2 })`, "1", {}],
];

const answers: string[] = [];
for (const [source, input, test] of RUNS) {
  answers.push(await runScript(source, input, test).catch((error) => error.code));
}
self.postMessage(answers);
