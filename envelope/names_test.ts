import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { boundedId, encodeId, isActorName, isEnvelopeId, malformedId } from "./names.ts";
import { bytes } from "./testing.ts";

for (const name of ["a", "0", "prep", "happy-end", "a--b", "a".repeat(63), "dlq", "my-dlq-x"]) {
  Deno.test(`isActorName() accepts ${name}`, () => assert.ok(isActorName(name)));
}

for (
  const name of [
    ...["", "-a", "a-", "Prep", "a_b", "a.b", "a b", "a\n", "é", "a".repeat(64), "prep-dlq", "-"],
  ]
) {
  Deno.test(`isActorName() refuses ${JSON.stringify(name)}`, () => assert.ok(!isActorName(name)));
}

Deno.test("isEnvelopeId() counts bytes of UTF-8 and refuses lone surrogates", () => {
  assert.ok(isEnvelopeId("a".repeat(256)) && isEnvelopeId("é".repeat(128)) && isEnvelopeId("😀"));
  for (const id of ["", "a".repeat(257), "é".repeat(129), "\ud800", "a\udc00"]) {
    assert.ok(!isEnvelopeId(id), JSON.stringify(id));
  }
});

Deno.test("malformedId() is the same for the same body", () => {
  assert.equal(malformedId(bytes("")), "bad-e3b0c44298fc1c149afbf4c8996fb924");
  assert.notEqual(malformedId(bytes("a")), malformedId(bytes("b")));
});

for (
  const [id, name] of [
    ["e-1", "e-1"],
    ["..", "%2E."],
    [".hidden", "%2Ehidden"],
    ["a.b", "a.b"],
    ["a/b\\c", "a%2Fb%5Cc"],
    ["é~%\0", "%C3%A9%7E%25%00"],
    ["x".repeat(200), "x".repeat(200)],
  ] as const
) {
  Deno.test(`encodeId() makes ${JSON.stringify(id)} ${name}`, () => {
    assert.equal(encodeId(id), name);
    assert.equal(decodeURIComponent(name), id);
  });
}

const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 256 }).filter(isEnvelopeId);

Deno.test("encodeId() gives every id a safe file name of its own", () => {
  fc.assert(fc.property(id, id, (a, b) => {
    assert.match(encodeId(a), /^(?!\.)[A-Za-z0-9_.%~-]{1,213}$/);
    assert.equal(encodeId(a) === encodeId(b), a === b);
  }));
  const long = "/".repeat(255);
  assert.notEqual(encodeId(`${long}a`), encodeId(`${long}b`));
  assert.match(encodeId(long), /^(%2F){60}~[0-9a-f]{32}$/);
});

Deno.test("boundedId() leaves 256 bytes alone and shortens more to a legal id of its own", () => {
  assert.equal(boundedId("a".repeat(256)), "a".repeat(256));
  assert.match(boundedId("a".repeat(257)), /^a{180}-[0-9a-f]{16}$/);
  assert.notEqual(boundedId("a".repeat(257)), boundedId("a".repeat(258)));
  for (const char of ["é", "€", "😀"]) {
    for (let shift = 0; shift < 4; shift++) {
      const short = boundedId("x".repeat(shift) + char.repeat(130));
      assert.ok(isEnvelopeId(short) && !short.includes("\ufffd"), short);
      assert.ok(Buffer.byteLength(short) >= 180 - 3 + 17);
    }
  }
});
