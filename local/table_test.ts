import assert from "node:assert/strict";
import { type ActorState, actorTable } from "./table.ts";

const READY: ActorState = {
  name: "prep",
  kind: "python",
  phase: "ready",
  inFlight: 2,
  done: 120,
  failed: 1,
  retried: 0,
  rate: 41.6,
  starts: 1,
};

Deno.test("actorTable() has one line an actor, and a reason where one is not ready", () => {
  const crashed = { ...READY, name: "infer", phase: "crashed", trouble: "exit\ncode 1", rate: 0 };
  const lines = actorTable([READY, crashed as ActorState], {
    width: 100,
    height: 9,
    colour: false,
  });
  assert.deepEqual(lines, [
    "actor  state   in flight     done   failed     rate",
    "prep   ready           2      120        1     42/s",
    "infer  crashed         2      120        1           exit code 1",
  ]);
});

Deno.test("actorTable() keeps within the width, with colours too", () => {
  const long = {
    ...READY,
    name: "a-name-that-does-not-fit-into-the-table",
    trouble: "x".repeat(99),
  };
  const [, line] = actorTable([long], { width: 60, height: 9, colour: true });
  // deno-lint-ignore no-control-regex
  const visible = line!.replaceAll(/\x1b\[[0-9]+m/g, "");
  assert.equal(visible.length, 60);
  assert.match(visible, /^a-name-… {2}ready /);
  assert.ok(line!.includes("\x1b[32mready"));
});

Deno.test("actorTable() counts what does not fit into the height", () => {
  const states = Array.from({ length: 9 }, () => READY);
  const lines = actorTable(states, { width: 100, height: 5, colour: false });
  assert.equal(lines.length, 5);
  assert.equal(lines.at(-1), "and 6 more");
});
