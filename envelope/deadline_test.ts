import assert from "node:assert/strict";
import fc from "fast-check";
import { msLeft, parseTimestamp } from "./deadline.ts";
import { envelope, isError } from "./testing.ts";

for (
  const [text, iso] of [
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"],
    ["2026-01-01t00:00:00z", "2026-01-01T00:00:00.000Z"],
    ["2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500Z"],
    ["2026-01-01T00:00:00.1239999999Z", "2026-01-01T00:00:00.123Z"],
    ["2026-01-01T01:30:00+01:30", "2026-01-01T00:00:00.000Z"],
    ["2025-12-31T16:00:00-08:00", "2026-01-01T00:00:00.000Z"],
    ["2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
  ] as const
) {
  Deno.test(`parseTimestamp() reads ${text}`, () => {
    assert.equal(new Date(parseTimestamp(text)!).toISOString(), iso);
  });
}

for (
  const text of [
    ...["", "2026", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "soon"],
    ...["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z"],
    ...["2026-01-32T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z"],
    ...["2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00Z", "26-01-01T00:00:00Z"],
    ...["2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+0100"],
    ...["2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00Z\n"],
  ]
) {
  Deno.test(`parseTimestamp() refuses ${JSON.stringify(text)}`, () => {
    assert.equal(parseTimestamp(text), undefined);
  });
}

Deno.test("parseTimestamp() reads what Date writes, to the millisecond", () => {
  fc.assert(fc.property(fc.nat(4_102_444_800_000), (ms) => {
    assert.equal(parseTimestamp(new Date(ms).toISOString()), ms);
  }));
});

Deno.test("msLeft() counts down to the deadline and below it", () => {
  const e = envelope({ deadline: "2026-01-01T00:00:10+00:00" });
  const at = Date.UTC(2026, 0, 1, 0, 0, 10);
  assert.equal(msLeft(e, at - 1_500), 1_500);
  assert.equal(msLeft(e, at), 0);
  assert.equal(msLeft(e, at + 1), -1);
});

Deno.test("msLeft() is endless without a deadline and throws for one that is none", () => {
  assert.equal(msLeft(envelope(), 0), Infinity);
  const wrong = { ...envelope(), deadline: "tomorrow" };
  assert.throws(() => msLeft(wrong, 0), isError("msg_parsing_error", /RFC 3339/));
});
