import assert from "node:assert/strict";
import fc from "fast-check";
import { parseExact, readObject, writeObject } from "./json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("parseExact() keeps the digits of every number", () => {
  const text = '{"a":9007199254740993,"b":[1e400,-0,1.0,1E5,0.10,-1],"c":"9007199254740993"}';
  assert.equal(JSON.stringify(parseExact(text)), text);
});

Deno.test("parseExact() reads what JSON.parse reads", () => {
  fc.assert(fc.property(fc.json(), (text) => {
    assert.deepEqual(JSON.parse(JSON.stringify(parseExact(text))), JSON.parse(text));
  }));
});

Deno.test("parseExact() has ordinary numbers as numbers", () => {
  assert.deepEqual(parseExact('[1,0.5,-3,1e21,"0.50"]'), [1, 0.5, -3, parseExact("1e21"), "0.50"]);
});

Deno.test("readObject() has the members as they were written", () => {
  const members = readObject(bytes('{"a": [ 1e400 ], "\\u0062":"x"}'));
  assert.deepEqual([...members], [["a", "[ 1e400 ]"], ["b", '"x"']]);
});

for (
  const [what, body] of [
    ["an array", bytes("[]")],
    ["nothing", bytes("")],
    ["a doubled name", bytes('{"a":1,"a":2}')],
    ["nesting without end", bytes(`{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`)],
    ["bytes that are not UTF-8", new Uint8Array([...bytes('{"a":"'), 0xff, ...bytes('"}')])],
    ["NaN", bytes('{"a":NaN}')],
  ] as const
) {
  Deno.test(`readObject() refuses ${what}`, () => {
    assert.throws(() => readObject(body), { name: "EnvelopeError", code: "msg_parsing_error" });
  });
}

Deno.test("writeObject() leaves out what is undefined", () => {
  assert.equal(writeObject({ a: "1", b: undefined, 'c"': '"x"' }), '{"a":1,"c\\"":"x"}');
  assert.equal(writeObject({}), "{}");
});
