import assert from "node:assert/strict";
import { exampleActor, withRuntime } from "./example.ts";
import { graceOf } from "./grace.ts";

const rows: readonly [what: string, spec: string, pod: number, drain: number][] = [
  ["the defaults", withRuntime(), 330, 325],
  ["a short shutdown", `timeout: {processing: 60, gracefulShutdown: 2}, ${withRuntime()}`, 62, 60],
  [
    "no shutdown at all",
    `timeout: {processing: 60, gracefulShutdown: 0}, ${withRuntime()}`,
    60,
    60,
  ],
  [
    "a longer grace of the template",
    withRuntime("", "terminationGracePeriodSeconds: 900"),
    900,
    895,
  ],
  [
    "a shorter one, as Kubernetes' own",
    withRuntime("", "terminationGracePeriodSeconds: 30"),
    30,
    25,
  ],
  ["none", withRuntime("", "terminationGracePeriodSeconds: 0"), 0, 1],
];

for (const [what, spec, pod, drain] of rows) {
  Deno.test(`graceOf() with ${what}: ${pod} s for the pod, ${drain} s for calls in flight`, () => {
    assert.deepEqual(graceOf(exampleActor(`{${spec}}`)), { pod, drain });
  });
}
