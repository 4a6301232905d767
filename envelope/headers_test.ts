import assert from "node:assert/strict";
import { headerText, hopsOf, outgoingHeaders, withHeader, withoutHeader } from "./headers.ts";
import { envelope } from "./testing.ts";

Deno.test("headerText() reads strings and nothing else", () => {
  const e = envelope({ headers: { a: "x\n", n: 1, o: {}, z: null } });
  assert.equal(headerText(e, "a"), "x\n");
  for (const name of ["n", "o", "z", "absent"]) assert.equal(headerText(e, name), undefined);
  assert.equal(headerText(envelope(), "a"), undefined);
});

Deno.test("withHeader() and withoutHeader() leave the envelope that they are given alone", () => {
  const e = envelope();
  const one = withHeader(e, "a", "1");
  const two = withHeader(one, "b", '"x"');
  assert.deepEqual([...two.headers!], [["a", "1"], ["b", '"x"']]);
  assert.deepEqual([...withoutHeader(two, "a").headers!], [["b", '"x"']]);
  assert.equal(one.headers!.size, 1);
  assert.deepEqual(withoutHeader(one, "a"), e);
  assert.equal(withoutHeader(one, "absent"), one);
  assert.equal(withoutHeader(e, "a"), e);
});

for (
  const [value, hops] of [[7, 7], [0, 0], [-1, 0], [1.5, 0], ["7", 0], [null, 0], [[7], 0]] as const
) {
  Deno.test(`hopsOf() reads ${JSON.stringify(value)} as ${hops}`, () => {
    assert.equal(hopsOf(envelope({ headers: { "x-asya-hops": value } })), hops);
  });
}

Deno.test("outgoingHeaders() never lets a handler set or drop the reserved ones", () => {
  const input = envelope({
    headers: { traceparent: "t", "x-asya-hops": 3, priority: "high", "x-asya-metrics": [] },
  });
  const own = new Map([["traceparent", '"mine"'], ["x-asya-forward", '"x"'], ["added", "1"]]);
  const reserved = [["traceparent", '"t"'], ["x-asya-hops", "3"]];
  assert.deepEqual([...outgoingHeaders(input, own)], [["added", "1"], ...reserved]);
  assert.deepEqual([...outgoingHeaders(input, new Map())], reserved);
  assert.deepEqual([...outgoingHeaders(input, undefined)], [...reserved, ["priority", '"high"']]);
});
