import assert from "node:assert/strict";
import { StoreUnavailable } from "../store.ts";
import { Lane } from "./lane.ts";

/** A lane whose batches are written down; each ends when the test says so. */
function held(options: { batch: number; width: number; weigh?: (job: number) => number }) {
  const batches: { jobs: number[]; end: (error?: Error) => void }[] = [];
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const lane = new Lane<number, number>({
    ...options,
    async run(jobs) {
      const end = Promise.withResolvers<void>();
      batches.push({ jobs, end: (error) => error ? end.reject(error) : end.resolve() });
      begun[batches.length - 1]?.resolve();
      await end.promise;
      return jobs.map((job) => job * 10);
    },
  });
  return {
    lane,
    batches,
    begun: begun.map(({ promise }) => promise),
    jobs: () => batches.map(({ jobs }) => jobs),
  };
}

Deno.test("Lane sends together what comes together, and the rest after it, in order", async () => {
  const { lane, batches, begun, jobs } = held({ batch: 3, width: 1 });
  const results = [1, 2, 3, 4].map((job) => lane.add(job));
  await begun[0];
  results.push(lane.add(5));
  assert.deepEqual(jobs(), [[1, 2, 3]]);
  batches[0]!.end();
  assert.deepEqual(await Promise.all(results.slice(0, 3)), [10, 20, 30]);
  batches[1]!.end();
  assert.deepEqual(await Promise.all(results.slice(3)), [40, 50]);
  assert.deepEqual(jobs(), [[1, 2, 3], [4, 5]]);
});

Deno.test("Lane has so many batches under way as it is wide", async () => {
  const { lane, batches, begun, jobs } = held({ batch: 1, width: 2 });
  const results = [1, 2, 3].map((job) => lane.add(job));
  await begun[0];
  assert.deepEqual(jobs(), [[1], [2]]);
  for (const { end } of batches) end();
  await Promise.all(results.slice(0, 2));
  batches[2]!.end();
  await lane.idle();
  assert.equal(await results[2], 30);
});

Deno.test("Lane sends less together where it is heavy", async () => {
  const { lane, batches, begun, jobs } = held({ batch: 10, width: 9, weigh: () => 3 << 20 });
  const results = [1, 2, 3, 4].map((job) => lane.add(job));
  await begun[0];
  assert.deepEqual(jobs(), [[1, 2, 3], [4]]);
  for (const { end } of batches) end();
  await Promise.all(results);
});

Deno.test("Lane tells all that wait when the store is away, and goes on later", async () => {
  const { lane, batches, begun } = held({ batch: 1, width: 1 });
  const results = Promise.allSettled([lane.add(1), lane.add(2), lane.add(3)]);
  await begun[0];
  batches[0]!.end(new StoreUnavailable("away"));
  assert.deepEqual((await results).map(({ status }) => status), Array(3).fill("rejected"));
  const again = lane.add(4);
  await begun[1];
  batches[1]!.end();
  assert.equal(await again, 40);
});

Deno.test("Lane finds out which of many was at fault", async () => {
  const lane = new Lane<number, number>({
    batch: 10,
    width: 1,
    run: (jobs) => jobs.includes(2) ? Promise.reject(new RangeError("2")) : Promise.resolve(jobs),
  });
  const results = await Promise.allSettled([1, 2, 3].map((job) => lane.add(job)));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

Deno.test("Lane refuses what is too much", async () => {
  const { lane, batches, begun } = held({ batch: 1, width: 1 });
  const results = Array.from({ length: 10_000 }, (_, job) => lane.add(job));
  await assert.rejects(lane.add(1), StoreUnavailable);
  await begun[0];
  batches[0]!.end(new StoreUnavailable("over"));
  await Promise.allSettled(results);
});
