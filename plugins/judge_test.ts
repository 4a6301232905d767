import assert from "node:assert/strict";
import type { PluginCase } from "./cases.ts";
import { parseJson } from "./json_value.ts";
import { judge, type Outcome } from "./judge.ts";

function judged(
  expected: PluginCase["expected"] | readonly string[],
  outcome: Outcome | readonly string[],
): string[] {
  const outputs = (of: readonly string[]) => ({ outputs: of.map(parseJson) });
  const one = { name: "x", input: null, config: {}, attempt: 1, exact: false };
  return judge(
    {
      ...one,
      expected: "outputs" in expected || "error" in expected ? expected : outputs(expected),
    },
    "outputs" in outcome || "error" in outcome ? outcome : outputs(outcome),
  );
}

Deno.test("judge() finds nothing wrong with what was expected", () => {
  const error = { type: "ValueError", message: "no" };
  assert.deepEqual(judged(["1"], ["1.0"]), []);
  assert.deepEqual(judged([], []), []);
  assert.deepEqual(judged(["[]", "2"], ["[]", "2"]), []);
  assert.deepEqual(judged({ error: {} }, { error }), []);
  assert.deepEqual(judged({ error: { type: "ValueError" } }, { error }), []);
});

Deno.test("judge() says what was expected and what came", () => {
  const error = { type: "ValueError", message: "no" };
  assert.deepEqual(judged(['{"a":1}'], ['{"a":2}']), ["output.a\n  expected 1\n  got      2"]);
  assert.deepEqual(judged(["1"], { error }), [
    "expected one output\ngot      the error ValueError: no",
  ]);
  assert.deepEqual(judged(["1"], ["1", "2"]), [
    "expected one output\ngot      2 outputs",
    "outputs[1]\n  expected nothing\n  got      2",
  ]);
  assert.deepEqual(judged({ error: {} }, []), ["expected an error\ngot      nothing"]);
  assert.deepEqual(judged({ error: { type: "A", message: "no" } }, { error }), [
    "error.type\n  expected A\n  got      ValueError",
  ]);
});

Deno.test("judge() cuts a list of differences that is too long", () => {
  const many = (n: number) => [JSON.stringify(Array(100).fill(n))];
  const found = judged(many(1), many(2));
  assert.deepEqual([found.length, found.at(-1)], [21, "and more differences"]);
});
