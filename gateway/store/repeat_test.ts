import assert from "node:assert/strict";
import { repeat } from "./repeat.ts";

Deno.test("repeat() goes on after the pause that the last turn asked for, until stopped", async () => {
  const third = Promise.withResolvers<void>();
  let turns = 0;
  const repeated = repeat(0, () => {
    if (++turns === 3) third.resolve();
    return Promise.resolve(turns < 3 ? 0 : 1_000_000);
  });
  const alive = setTimeout(() => {}, 10_000); // it does not keep a process running by itself
  await third.promise;
  clearTimeout(alive);
  await repeated.stop();
  assert.equal(turns, 3);
});

Deno.test("repeat() waits for its turn when it is stopped", async () => {
  const began = Promise.withResolvers<void>();
  const end = Promise.withResolvers<number>();
  const repeated = repeat(0, () => (began.resolve(), end.promise));
  const alive = setTimeout(() => {}, 10_000);
  await began.promise;
  clearTimeout(alive);
  let stopped = false;
  const stopping = repeated.stop().then(() => stopped = true);
  assert.equal(stopped, false);
  end.resolve(0);
  await stopping;
});
