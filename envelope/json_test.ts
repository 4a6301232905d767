import assert from "node:assert/strict";
import fc from "fast-check";
import { isNull, readMembers, scanArray, scanObject, writeMembers } from "./json.ts";
import { bytes, isError, text, trimmedJson } from "./testing.ts";

function members(json: string, options = {}): [string, string][] {
  const body = bytes(json);
  return scanObject(body, options).map(({ name, start, end }) => [
    name,
    text(body.subarray(start, end)),
  ]);
}

Deno.test("scanObject() gives each value as it was written, without the spaces around it", () => {
  assert.deepEqual(members(' {"a" : 1e400 , "b":[ 1, 2 ],"c":"\\ud800" } '), [
    ["a", "1e400"],
    ["b", "[ 1, 2 ]"],
    ["c", '"\\ud800"'],
  ]);
  assert.deepEqual(members("{}"), []);
});

Deno.test("scanObject() finds any members again", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), trimmedJson), (object) => {
      const entries = Object.entries(object);
      assert.deepEqual(members(writeMembers(entries)), entries);
    }),
  );
});

Deno.test("scanObject() decodes names, also __proto__ and lone surrogates", () => {
  assert.deepEqual(members('{"\\u0069d":1,"__proto__":2,"\\ud800":3,"é\\n":4}').map(([n]) => n), [
    "id",
    "__proto__",
    "\ud800",
    "é\n",
  ]);
});

for (const json of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"\\/":1,"/":2}']) {
  Deno.test(`scanObject() refuses the name that is there twice in ${json}`, () => {
    assert.throws(() => members(json), isError("msg_parsing_error", /is there twice/));
    assert.equal(members(json, { duplicates: true }).length, 2);
  });
}

for (const json of ["", "1", "[]", "null", '"{}"', "{} x", "{}{}", '{"a":1', '{"a":1;"b":2}']) {
  Deno.test(`scanObject() refuses ${JSON.stringify(json)}`, () => {
    assert.throws(() => members(json), isError("msg_parsing_error", /invalid JSON at byte/));
  });
}

Deno.test("scanObject() refuses a name that is not UTF-8 and leaves values alone", () => {
  const value = Uint8Array.of(...bytes('{"a":"'), 0xff, ...bytes('"}'));
  assert.equal(scanObject(value).length, 1);
  const name = Uint8Array.of(...bytes('{"'), 0xff, ...bytes('":1}'));
  assert.throws(() => scanObject(name), isError("msg_parsing_error", /not valid UTF-8/));
});

Deno.test("scanObject() counts depth from the object, the payload apart", () => {
  assert.equal(members('{"a":[[]]}', { maxDepth: 3 }).length, 1);
  const tooDeep = isError("msg_parsing_error", /nested too deep/);
  assert.throws(() => members('{"a":[[[]]]}', { maxDepth: 3 }), tooDeep);
  assert.equal(members('{"payload":[[[]]]}', { maxDepth: 3, payload: "payload" }).length, 1);
});

Deno.test("scanObject() bounds members and what is outside the payload", () => {
  const tooMuch = isError("resource_limit", /more than/);
  assert.equal(members('{"a":1,"b":2}', { maxItems: 2 }).length, 2);
  assert.throws(() => members('{"a":1,"b":2}', { maxItems: 1 }), tooMuch);
  const json = '{"p":"12345678901234567890","a":1}'; // 12 bytes outside the value of p
  assert.equal(members(json, { maxHeadBytes: 12, payload: "p" }).length, 2);
  assert.throws(() => members(json, { maxHeadBytes: 11, payload: "p" }), tooMuch);
  assert.throws(() => members(json, { maxHeadBytes: 12 }), tooMuch);
});

Deno.test("scanArray() gives the elements as they were written", () => {
  fc.assert(
    fc.property(fc.array(trimmedJson), (items) => {
      assert.deepEqual(scanArray(bytes(` [ ${items.join(" , ")} ] `)).map(text), items);
    }),
  );
});

for (const json of ["", "{}", "1", "[1,]", "[,1]", "[1", "[] []", "[1}"]) {
  Deno.test(`scanArray() refuses ${JSON.stringify(json)}`, () => {
    assert.throws(() => scanArray(bytes(json)), isError("msg_parsing_error", /invalid JSON/));
  });
}

Deno.test("scanArray() bounds elements and depth", () => {
  assert.equal(scanArray(bytes("[1,2]"), { maxItems: 2 }).length, 2);
  assert.throws(
    () => scanArray(bytes("[1,2]"), { maxItems: 1 }),
    isError("resource_limit", /more than 1 elements/),
  );
  assert.throws(
    () => scanArray(bytes("[[[]]]"), { maxDepth: 2 }),
    isError("msg_parsing_error", /nested too deep/),
  );
});

Deno.test("readMembers() says what is no object and what is not UTF-8", () => {
  const fails = (json: Uint8Array, message: RegExp) =>
    assert.throws(() => readMembers(json, "headers"), isError("msg_parsing_error", message));
  fails(bytes("[1]"), /headers must be an object/);
  fails(Uint8Array.of(...bytes('{"a":"'), 0xff, ...bytes('"}')), /headers is not valid UTF-8/);
});

Deno.test("isNull() takes the word alone", () => {
  assert.ok(isNull(bytes(" null\n")));
  assert.ok(!isNull(bytes("null x")));
  assert.ok(!isNull(bytes("1")));
  assert.throws(() => isNull(bytes("nul")), isError("msg_parsing_error", /expected a value/));
});
