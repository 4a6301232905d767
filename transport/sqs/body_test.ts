import assert from "node:assert/strict";
import { ATTRIBUTE, attributeText, decode, encode, largestBody, toAttributes } from "./body.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function roundTrip(body: Uint8Array): Uint8Array {
  const { text, attributes } = encode(body);
  assert.notEqual(text, "", "the service takes no empty text");
  return decode({ Body: text, MessageAttributes: toAttributes(attributes) });
}

Deno.test("encode() leaves allowed text as it is, without attributes", () => {
  for (const text of ['{"a":1}', "\t\r\n", "Grüße 🎉 \u{FEFF}", "\u{FEFF}first"]) {
    const wire = encode(bytes(text));
    assert.deepEqual([wire.text, wire.attributes], [text, {}]);
    assert.equal(wire.bytes, bytes(text).length);
    assert.deepEqual(roundTrip(bytes(text)), bytes(text));
  }
});

Deno.test("encode() says that it used base64 for what the service would refuse", () => {
  const bodies = [
    new Uint8Array(0),
    Uint8Array.from({ length: 256 }, (_, i) => i),
    bytes("\u{0}"),
    bytes("\u{1F}"),
    bytes("\u{FFFE}"),
    bytes("\u{FFFF}"),
    Uint8Array.of(0xed, 0xa0, 0x80), // a lone surrogate is no UTF-8
  ];
  for (const body of bodies) {
    assert.equal(encode(body).attributes[ATTRIBUTE.encoding], "base64");
    assert.deepEqual(roundTrip(body), body);
  }
});

Deno.test("encode() takes a body that is a part of a larger buffer", () => {
  const whole = Uint8Array.of(9, 9, 0, 1, 2, 9);
  assert.deepEqual(roundTrip(whole.subarray(2, 5)), Uint8Array.of(0, 1, 2));
});

Deno.test("encode() counts bytes as the service does: text, and names, types, values of attributes", () => {
  const wire = encode(bytes("ü"), { reason: "éa" });
  assert.equal(wire.bytes, 2 + "reason".length + "String".length + 3);
});

Deno.test("largestBody() is the most that fits in the same wrapping", () => {
  for (const binary of [false, true]) {
    const limit = 1000;
    const largest = largestBody(encode(bytes("x"), { name: "value" }, binary), limit);
    const fits = encode(bytes("x".repeat(largest)), { name: "value" }, binary);
    const doesNot = encode(bytes("x".repeat(largest + 1)), { name: "value" }, binary);
    assert.ok(fits.bytes <= limit && doesNot.bytes > limit, `${fits.bytes}, ${doesNot.bytes}`);
  }
});

Deno.test("attributeText() cuts between characters and replaces forbidden ones", () => {
  assert.equal(attributeText("a\u{0}b", 100), "a\u{FFFD}b");
  assert.equal(attributeText("aü", 2), "a");
  assert.equal(attributeText("", 10), undefined);
});
