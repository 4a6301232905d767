import assert from "node:assert/strict";
import { type CaseResult, reportOf, textOf } from "./report.ts";

const NAMED = { name: "Some", version: "1.2" };
const good: CaseResult = { capability: "framing", name: "a", ms: 1 };
const fault = { sent: "41 53", expected: "WELCOME", came: "silence" };
const bad: CaseResult = { capability: "framing", name: "b", ms: 1, fault };

Deno.test("reportOf() says yes, no, partly, not offered and not played", () => {
  const drain: CaseResult = { ...bad, capability: "drain" };
  const errors: CaseResult = { ...good, capability: "errors" };
  const { capabilities } = reportOf(NAMED, [good, bad, drain, errors], ["batching"], ["metrics"]);
  assert.deepEqual(capabilities.framing, { verdict: "partly", passed: 1, failed: 1 });
  assert.equal(capabilities.drain.verdict, "no");
  assert.equal(capabilities.errors.verdict, "yes");
  assert.equal(capabilities.batching.verdict, "not offered");
  assert.equal(capabilities.metrics.verdict, "not played");
});

Deno.test("textOf() tells of a failing case what was sent, what was expected and what came", () => {
  const text = textOf(reportOf(NAMED, [good, bad], []));
  for (const part of ["framing: b", "41 53", "WELCOME", "silence", "1 of 2 cases passed"]) {
    assert(text.includes(part), `${part} is not in\n${text}`);
  }
});
