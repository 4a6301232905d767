import assert from "node:assert/strict";
import fc from "fast-check";
import { skipSpace, valueEnd } from "./scan.ts";
import { bytes, isError, jsonText } from "./testing.ts";

/** Accepts one value with white space around it, as `JSON.parse` does. */
function accepts(json: Uint8Array, maxDepth = Infinity): boolean {
  try {
    return skipSpace(json, valueEnd(json, 0, maxDepth)) === json.length;
  } catch (error) {
    assert.ok(isError("msg_parsing_error", /JSON/)(error));
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const VALUES = [
  ...["0", "-0", "10", "1.5", "1e5", "1E+5", "-1.5e-5", "true", "false", "null", '""', "[]", "{}"],
  ...['"\\u00e9"', '"\\""', "[1,2]", "[[],{}]", '{"a":1,"a":2}', ' { "a" : [ 1 , 2 ] } ', '"é"'],
];

const NO_VALUES = [
  ...["", " ", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "1_0", "tru", "True", "nul"],
  ...[
    "NaN",
    "Infinity",
    "-Infinity",
    "undefined",
    '"',
    '"a',
    "'a'",
    '"\\x"',
    '"\\u12g4"',
    '"\\u12"',
  ],
  ...['"\n"', '"\t"', '"\0"', "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "{", '{"a"', '{"a":'],
  ...['{"a":1,}', "{,}", "{1:2}", "{a:1}", '{"a" 1}', '{"a":1 "b":2}', "}", "[}", "{]", '{"a":1]'],
  ...["1 2", "[] []", "\ufeff1", "\u00a01", "/* */1", "1 // x", "[1,2}", "[[1]", '"\\', '"\\u'],
];

for (const text of VALUES) {
  Deno.test(`valueEnd() accepts ${text}`, () => assert.ok(accepts(bytes(text)) && parses(text)));
}

for (const text of NO_VALUES) {
  Deno.test(`valueEnd() refuses ${JSON.stringify(text)}`, () => {
    assert.ok(!accepts(bytes(text)) && !parses(text));
  });
}

Deno.test("valueEnd() refuses exactly the characters below a space in strings", () => {
  for (let byte = 0; byte < 0x80; byte++) {
    const legal = byte >= 0x20 && byte !== 0x22 && byte !== 0x5c;
    assert.equal(accepts(Uint8Array.of(0x22, byte, 0x22)), legal, `byte ${byte}`);
  }
});

Deno.test("valueEnd() accepts exactly what JSON.parse() accepts", () => {
  const broken = fc.tuple(jsonText, fc.nat(), fc.constantFrom(...'[]{}",:\\ 0-.eE+tnu\n'))
    .map(([text, at, char]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + char + text.slice(cut + at % 3);
    });
  fc.assert(
    fc.property(fc.oneof(jsonText, broken, fc.string()), (text) => {
      const formed = text.toWellFormed();
      assert.equal(accepts(bytes(formed)), parses(formed));
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("valueEnd() finds the end of a value whatever follows it", () => {
  fc.assert(fc.property(jsonText, fc.constantFrom(",", "]", "}", " x", ""), (text, rest) => {
    const value = text.trimEnd();
    assert.equal(valueEnd(bytes(value + rest), 0, Infinity), bytes(value).length);
  }));
});

Deno.test("valueEnd() does not look at bytes inside strings that are not UTF-8", () => {
  assert.ok(accepts(Uint8Array.of(0x22, 0xff, 0xfe, 0xc0, 0x80, 0x22)));
  assert.ok(!accepts(Uint8Array.of(0xff)));
});

for (const depth of [10_000, 1_000_000]) {
  Deno.test(`valueEnd() follows ${depth} levels of nesting`, () => {
    assert.ok(accepts(bytes("[".repeat(depth) + "]".repeat(depth))));
    const mixed = `${'{"a":['.repeat(depth / 2)}1${"]}".repeat(depth / 2)}`;
    assert.ok(accepts(bytes(mixed)));
    assert.ok(!accepts(bytes(mixed.slice(0, -2) + "}]")));
  });
}

Deno.test("valueEnd() refuses one level more than allowed", () => {
  const nested = (levels: number) => bytes("[".repeat(levels) + "]".repeat(levels));
  assert.ok(accepts(nested(3), 3));
  assert.ok(!accepts(nested(4), 3));
  assert.ok(!accepts(bytes('[[{"a":{}}]]'), 3));
  assert.ok(accepts(bytes("1"), 0));
});

Deno.test("valueEnd() says where and what, and names NaN", () => {
  const fails = (text: string, message: RegExp) =>
    assert.throws(() => valueEnd(bytes(text), 0, 9), isError("msg_parsing_error", message));
  fails('{"a":x}', /at byte 5: expected a value, found 'x'/);
  fails("[1", /at byte 2: expected ',' or ']', found the end/);
  fails('"\x01"', /control character.*byte 0x01/);
  fails('{"a":[NaN]}', /at byte 6: NaN is no value/);
  fails("-Infinity", /-Infinity is no value/);
});
