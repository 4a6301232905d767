import assert from "node:assert/strict";
import { atLeast } from "./version.ts";

const TABLE: readonly (readonly [string, string, boolean])[] = [
  ["v1.34.4", "1.29", true],
  ["v1.29.0-gke.1", "1.29", true],
  ["1.28.15+k3s1", "1.29", false],
  ["v2.9.0", "2.10", false],
  ["4.0.1", "3.12", true],
  ["main", "2.10", true],
];
for (const [version, oldest, expected] of TABLE) {
  Deno.test(`atLeast(${version}, ${oldest}) is ${expected}`, () => {
    assert.equal(atLeast(version, oldest), expected);
  });
}
