import assert from "node:assert/strict";
import { preferredWait } from "./prefer.ts";

const HEADERS: readonly [string | undefined, number | undefined][] = [
  [undefined, undefined],
  ["", undefined],
  ["wait=10", 10],
  ["WAIT=10", 10],
  ["respond-async, wait=10", 10],
  ["wait=10, wait=20", 10],
  ['wait = "7" ; foo=bar', 7],
  ["wait=0", 0],
  ["wait=100000", 300],
  ["wait", undefined],
  ["wait=-1", undefined],
  ["wait=1.5", undefined],
  ["wait=9999999999999", undefined],
  ["wait=x, wait=5", 5],
  ["await=5", undefined],
];

for (const [header, seconds] of HEADERS) {
  Deno.test(`preferredWait() of ${header} is ${seconds}`, () => {
    assert.equal(preferredWait(header), seconds);
  });
}
