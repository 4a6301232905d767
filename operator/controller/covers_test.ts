import assert from "node:assert/strict";
import { covers } from "./covers.ts";

const CASES: readonly [string, unknown, unknown, boolean][] = [
  ["fields that others added", { a: 1, b: 2 }, { a: 1 }, true],
  ["a field that is missing", { b: 2 }, { a: 1 }, false],
  ["a field that was changed", { a: { b: 2 } }, { a: { b: 3 } }, false],
  ["a field that is wanted absent by being undefined", { a: 1 }, { b: undefined }, true],
  [
    "containers by name, in another order",
    {
      containers: [{ name: "y", image: "b" }, { name: "x", image: "a", stdin: false }],
    },
    { containers: [{ name: "x", image: "a" }, { name: "y", image: "b" }] },
    true,
  ],
  ["a container that was taken out", { c: [{ name: "x" }] }, {
    c: [{ name: "x" }, { name: "y" }],
  }, false],
  ["ports by their number", { ports: [{ containerPort: 80, protocol: "TCP" }] }, {
    ports: [{ containerPort: 80 }],
  }, true],
  ["arguments, whose order counts", ["b", "a"], ["a", "b"], false],
  ["arguments with one more", ["a", "b"], ["a"], false],
  ["an empty list", [{ name: "x" }], [], false],
  ["a quantity in other words, wrongly", { cpu: "1" }, { cpu: "1000m" }, false],
  ["null for an object", null, { a: 1 }, false],
];

for (const [name, live, wanted, expected] of CASES) {
  Deno.test(`covers() is ${expected} for ${name}`, () => {
    assert.equal(covers(live, wanted), expected);
  });
}
