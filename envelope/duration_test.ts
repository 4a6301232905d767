import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";

for (
  const [text, ms] of [
    ["0", 0],
    ["0s", 0],
    ["300ms", 300],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["1.s", 1_000],
    ["2m30s", 150_000],
    ["1h1m1s1ms", 3_661_001],
    ["1us", 0.001],
    ["1µs", 0.001],
    ["1μs", 0.001],
    ["5m0s", 300_000],
    [" 10s ", 10_000],
    ["87600h", 315_360_000_000],
  ] as const
) {
  Deno.test(`parseDuration() reads ${JSON.stringify(text)} as ${ms} ms`, () => {
    assert.equal(parseDuration(text), ms);
  });
}

for (
  const text of [
    ...["", " ", "1", "s", "1d", "-1s", "+1s", "1 s", "1e3s", "1s2", "1sm", "1.2.3s", "1,5s"],
    ...["100000h", `${"9".repeat(400)}h`, "1S", "NaN", "Infinitys", "٣s"],
  ]
) {
  Deno.test(`parseDuration() refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.throws(() => parseDuration(text), RangeError);
  });
}

for (
  const [ms, text] of [
    [0, "0ms"],
    [0.5, "0.5ms"],
    [999, "999ms"],
    [1_000, "1s"],
    [1_500, "1.5s"],
    [60_000, "1m"],
    [150_000, "2m30s"],
    [3_600_000, "1h"],
    [3_661_001, "1h1m1.001s"],
    [119_999.6, "2m"],
  ] as const
) {
  Deno.test(`formatDuration() writes ${ms} ms as ${text}`, () => {
    assert.equal(formatDuration(ms), text);
  });
}

Deno.test("formatDuration() writes what parseDuration() reads", () => {
  fc.assert(fc.property(fc.nat(300_000_000_000), (ms) => {
    assert.ok(Math.abs(parseDuration(formatDuration(ms)) - ms) < 0.01);
  }));
});
