import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Frame } from "./envelope.ts";
import { answerHash, childId, fanoutDepth, fanoutHeaders } from "./fanout.ts";
import { isEnvelopeId } from "./names.ts";
import { bytes, envelope, frame } from "./testing.ts";

const later = (headers = {}) =>
  envelope({ headers: { "x-asya-fanout": { depth: 1 }, ...headers } });

Deno.test("childId() of a lineage's first fan-out is the id and the index", () => {
  assert.deepEqual([0, 1, 2].map((n) => childId(envelope(), n)), ["e-1", "e-1-1", "e-1-2"]);
});

Deno.test("childId() of a later fan-out adds 8 hex of SHA-256(id NUL hops NUL index)", () => {
  const input = later({ "x-asya-hops": 2 });
  const hash = createHash("sha256").update("e-1\0" + "2\0" + "1").digest("hex").slice(0, 8);
  assert.equal(childId(input, 0), "e-1");
  assert.equal(childId(input, 1), `e-1-1-${hash}`);
});

Deno.test("childId() differs from fan-out to fan-out of an envelope that keeps its id", () => {
  const ids = [envelope(), later(), ...[1, 2, 3].map((n) => later({ "x-asya-hops": n }))]
    .flatMap((input) => [1, 2].map((n) => childId(input, n)));
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("childId() keeps a long id within 256 bytes, each child its own", () => {
  const input = { ...later(), id: "é".repeat(128) };
  const ids = [1, 2, 10_000].map((n) => childId(input, n));
  assert.ok(ids.every(isEnvelopeId));
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(ids, [1, 2, 10_000].map((n) => childId(input, n)));
});

for (
  const [header, depth] of [
    [{ depth: 3 }, 3],
    [{ depth: 0 }, 1],
    [{ depth: "3" }, 1],
    [{ depth: { toString: 1 } }, 1],
    [{}, 1],
    ["x", 1],
    [null, 1],
  ] as const
) {
  Deno.test(`fanoutDepth() reads ${JSON.stringify(header)} as ${depth}`, () => {
    assert.equal(fanoutDepth(envelope({ headers: { "x-asya-fanout": header } })), depth);
  });
}

Deno.test("answerHash() is of lengths and bytes of payload, route and headers", () => {
  const field = (text: string) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes(text).length);
    return [...length, ...bytes(text)];
  };
  const absent = [255, 255, 255, 255];
  const expected = createHash("sha256").update(Uint8Array.of(
    ...field('"é"'),
    ...field('{"current":1}'),
    ...absent,
    ...field("2"),
    ...absent,
    ...field("null"),
  )).digest("hex").slice(0, 16);
  const frames = [frame("é", { route: { current: 1 } }), frame(2, { headers: null })];
  assert.equal(answerHash(frames), expected);
});

Deno.test("answerHash() tells apart what only moves a boundary", () => {
  const a: Frame = { payload: bytes("12") };
  const variants: Frame[][] = [
    [a],
    [a, a],
    [{ payload: bytes("1") }, { payload: bytes("2") }],
    [{ payload: bytes("1"), route: "2" }],
    [{ payload: bytes("1"), headers: "2" }],
    [{ payload: bytes("12"), route: "" }],
  ];
  assert.equal(new Set(variants.map(answerHash)).size, variants.length);
});

Deno.test("fanoutHeaders() say parent, index, count, depth and answer", () => {
  const frames = [frame(1), frame(2)];
  const answer = answerHash(frames);
  assert.deepEqual(fanoutHeaders(later(), frames).map((json) => JSON.parse(json)), [
    { parent: "e-1", index: 0, count: 2, depth: 2, answer },
    { parent: "e-1", index: 1, count: 2, depth: 2, answer },
  ]);
});
