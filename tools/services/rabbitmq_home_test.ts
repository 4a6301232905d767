import assert from "node:assert/strict";
import { applicationsOf } from "./rabbitmq_home.ts";

Deno.test("applicationsOf() finds what an application needs, in whatever way it is written", () => {
  const file = `{application, rabbit, [
    {applications, [kernel,stdlib,
      ra2, %% the log
      rabbit_common]},
    {optional_applications, [khepri]},
    {modules, [a, b]}, {env, [{applications_seen, [x]}]}]}.`;
  const expected = ["kernel", "stdlib", "ra2", "rabbit_common", "khepri"];
  assert.deepEqual(applicationsOf(file).filter((name) => expected.includes(name)), expected);
});
