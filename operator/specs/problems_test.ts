import assert from "node:assert/strict";
import { exampleActor, exampleConfig, exampleFacts, withRuntime } from "./example.ts";
import { specProblems } from "./problems.ts";

const rows: readonly [what: string, spec: string, metadata: string, expected: RegExp[]][] = [
  ["nothing", withRuntime(), "{}", []],
  ["a mistyped transport", `transport: rabitmq, ${withRuntime()}`, "{}", [
    /knows no transport rabitmq \(did you mean rabbitmq\?\)/,
  ]],
  ["an unknown transport", `transport: kafka, ${withRuntime()}`, "{}", [
    /knows no transport kafka \(write one of rabbitmq, sqs\)/,
  ]],
  ["a wrong annotation", withRuntime(), "{annotations: {asya.sh/max-unavailable: some}}", [
    /asya\.sh\/max-unavailable is some \(write a number of pods or a percentage/,
  ]],
];

for (const [what, spec, metadata, expected] of rows) {
  Deno.test(`specProblems() finds ${what}`, () => {
    const actor = exampleActor(`{${spec}}`, metadata);
    const found = specProblems(actor, exampleConfig(), exampleFacts());
    assert.equal(found.length, expected.length);
    for (const [i, pattern] of expected.entries()) assert.match(found[i]!, pattern);
  });
}

Deno.test("specProblems() names a Secret that the transport needs and that is not there", () => {
  const facts = exampleFacts({ secrets: new Map() });
  const actor = exampleActor(`{${withRuntime()}}`);
  assert.deepEqual(specProblems(actor, exampleConfig(), facts), [
    "the transport rabbitmq needs key password of Secret rabbitmq, which is not in the " +
    "operator's namespace (create it there)",
  ]);
});
