import assert from "node:assert/strict";
import { parseExact } from "../json.ts";
import { toolsFrom } from "../testing/harness.ts";
import { checkArguments } from "./arguments.ts";

const tools = await toolsFrom(`
tools:
  - name: t
    route: [prep]
    parameters:
      s: { type: string, default: none }
      n: { type: number }
      i: { type: integer, options: [1, 9007199254740993] }
      b: { type: boolean }
      list: { type: array, items: { type: integer } }
      deep:
        type: object
        properties: { level: { type: integer, required: true }, unit: { type: string, default: m } }
      free: { type: object }
`);

function check(json: string): string {
  const { value, problems } = checkArguments(
    tools.get("t")!.parameters,
    parseExact(json) as Record<string, unknown>,
  );
  return problems.length > 0 ? problems.join("; ") : JSON.stringify(value);
}

const ACCEPTED: readonly [string, string][] = [
  ["{}", '{"s":"none"}'],
  ['{"n":1e400,"s":"x"}', '{"n":1e400,"s":"x"}'],
  ['{"n":-0,"s":"x"}', '{"n":-0,"s":"x"}'],
  ['{"n":1.50,"s":"x"}', '{"n":1.50,"s":"x"}'],
  ['{"i":9007199254740993,"s":"x"}', '{"i":9007199254740993,"s":"x"}'],
  ['{"i":1.0,"s":"x"}', '{"i":1.0,"s":"x"}'],
  [
    '{"list":[1,90071992547409931234567890],"s":"x"}',
    '{"list":[1,90071992547409931234567890],"s":"x"}',
  ],
  ['{"deep":{"level":2},"s":"x"}', '{"deep":{"level":2,"unit":"m"},"s":"x"}'],
  [
    '{"free":{"__proto__":1,"any":[null,{"x":12345678901234567890}]},"s":"\\ud800"}',
    '{"free":{"__proto__":1,"any":[null,{"x":12345678901234567890}]},"s":"\\ud800"}',
  ],
];

for (const [given, expected] of ACCEPTED) {
  Deno.test(`checkArguments() accepts ${given}`, () => assert.equal(check(given), expected));
}

const REFUSED: readonly [string, RegExp][] = [
  ['{"s":1}', /^parameter s must be a string, not number$/],
  ['{"s":null}', /^parameter s must be a string, not null$/],
  ['{"n":"1"}', /^parameter n must be a number, not string$/],
  ['{"i":1.5}', /^parameter i must be an integer, not number$/],
  ['{"i":9007199254740992}', /^parameter i must be one of 1, 9007199254740993$/],
  ['{"b":1}', /^parameter b must be a boolean, not number$/],
  ['{"list":{}}', /^parameter list must be an array, not object$/],
  ['{"list":[1,"2"]}', /^parameter list\[1\] must be an integer, not string$/],
  ['{"deep":[]}', /^parameter deep must be an object, not array$/],
  ['{"deep":{}}', /^missing required parameter: deep.level$/],
  ['{"deep":{"level":1,"x":2}}', /^unknown parameter: deep.x \(known: level, unit\)$/],
  ['{"free":1e400}', /^parameter free must be an object, not number$/],
  ['{"__proto__":{}}', /^unknown parameter: __proto__ /],
  ['{"s":1,"b":2}', /s must be.*; parameter b must be/],
];

for (const [given, expected] of REFUSED) {
  Deno.test(`checkArguments() refuses ${given}`, () => assert.match(check(given), expected));
}

Deno.test("checkArguments() names ten problems at most", () => {
  const many = JSON.stringify({ list: Array(100_000).fill("x") });
  assert.equal(check(many).split("; ").length, 10);
});
