import assert from "node:assert/strict";
import { differences, parseJson, printJson } from "./json_value.ts";

Deno.test("printJson() of parseJson() keeps the text of numbers and the order of members", () => {
  const json = '{"b":1e400,"a":[9007199254740993,-0,1.50,null,true],"__proto__":{"x":"\\n"}}';
  assert.equal(printJson(parseJson(json)), json);
  assert.throws(() => parseJson("{"), SyntaxError);
});

/** Expected, actual, exact, and the paths where they differ. */
const PAIRS: readonly (readonly [string, string, boolean, readonly string[]])[] = [
  ['{"a":1,"b":[2]}', '{"b":[2],"a":1}', true, []],
  ["[1.50, 15e-1, 100]", "[1.5, 1.5, 1e2]", false, []],
  ["[1.50]", "[1.5]", true, ["[0]"]],
  ["[0, -0.0]", "[-0, 0]", false, []],
  ["9007199254740993", "9007199254740992", false, [""]],
  ["-1", "1", false, [""]],
  ['"1"', "1", false, [""]],
  ["null", "{}", false, [""]],
  ["[]", "{}", false, [""]],
  ["[1,2]", "[1]", false, ["[1]"]],
  ['{"a":{"b c":1}}', '{"a":{"b c":2},"d":3}', false, ['.a["b c"]', ".d"]],
];

for (const [expected, actual, exact, paths] of PAIRS) {
  const how = exact ? "exactly" : "by value";
  Deno.test(`differences() compares ${expected} with ${actual} ${how}`, () => {
    const found = [...differences(parseJson(expected), parseJson(actual), exact)];
    assert.deepEqual(found.map(({ path }) => path), paths);
  });
}

Deno.test("differences() shows both values, cut where they are long", () => {
  const [missing] = differences(parseJson('{"a":[1.0]}'), parseJson("{}"), false);
  assert.deepEqual(missing, { path: ".a", expected: "[1.0]", actual: "nothing" });
  const [long] = differences("x".repeat(1_000), null, false);
  assert.match(long!.expected, /^"x{199}… \(1002 characters\)$/);
});
