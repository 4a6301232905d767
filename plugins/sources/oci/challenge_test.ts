import assert from "node:assert/strict";
import { parseChallenges } from "./challenge.ts";

function parsed(header: string) {
  return parseChallenges(header).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
}

Deno.test("parseChallenges() reads schemes, tokens and quoted texts", () => {
  assert.deepEqual(
    parsed('Basic realm="a, Bearer b", Bearer Realm="https://h/t?x=1",service="s\\"1",scope=pull'),
    [
      ["basic", { realm: "a, Bearer b" }],
      ["bearer", { realm: "https://h/t?x=1", service: 's"1', scope: "pull" }],
    ],
  );
  assert.deepEqual(parsed("Negotiate, Basic"), [["negotiate", {}], ["basic", {}]]);
});

Deno.test("parseChallenges() survives what is no challenge", () => {
  assert.deepEqual(parsed(""), []);
  assert.deepEqual(parsed('realm="x"'), []);
  assert.deepEqual(parsed('Bearer realm="never closed'), [["bearer", {}], ["realm", {}]]);
  assert.ok(parsed("Basic, ".repeat(1_000_000)).length < 2_000, "it has a bound");
});
