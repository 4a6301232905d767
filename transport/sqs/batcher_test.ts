import assert from "node:assert/strict";
import { Batcher } from "./batcher.ts";

/** A batcher of numbers, each as many bytes as it says, and its batches, which end when told to. */
function line(rules: { maxCount?: number; maxBytes?: number; parallel?: number } = {}) {
  const { maxCount = 3, maxBytes = 100, parallel = 2 } = rules;
  const batches: { entries: readonly number[]; end: (error?: Error) => void }[] = [];
  let arrived = () => {};
  const batcher = new Batcher<number, string>({
    maxCount,
    maxBytes: () => maxBytes,
    parallel,
    bytesOf: (n) => n,
    run: (entries) =>
      new Promise((resolve, reject) => {
        const answer = () => resolve(entries.map((n) => `did ${n}`));
        batches.push({ entries, end: (error) => error === undefined ? answer() : reject(error) });
        arrived();
      }),
  });
  const until = async (count: number) => {
    while (batches.length < count) await new Promise<void>((resolve) => arrived = resolve);
    return batches.map(({ entries }) => entries);
  };
  return { batcher, batches, until };
}

Deno.test("Batcher.add() puts what comes together into one batch, in order", async () => {
  const { batcher, batches, until } = line();
  const results = Promise.all([1, 2, 3].map((n) => batcher.add(n)));
  assert.deepEqual(await until(1), [[1, 2, 3]]);
  batches[0]!.end();
  assert.deepEqual(await results, ["did 1", "did 2", "did 3"]);
});

Deno.test("Batcher.add() begins a second batch only when it is full, and no third", async () => {
  const { batcher, batches, until } = line();
  const first = batcher.add(1);
  await until(1);
  const rest = [2, 3, 4, 5, 6, 7, 8].map((n) => batcher.add(n));
  assert.deepEqual(await until(2), [[1], [2, 3, 4]]);
  batches[0]!.end();
  await first;
  assert.deepEqual(await until(3), [[1], [2, 3, 4], [5, 6, 7]]);
  batches[1]!.end();
  await rest[0];
  assert.equal(batches.length, 3, "8 alone waits for company");
  batches[2]!.end();
  assert.deepEqual((await until(4))[3], [8]);
  batches[3]!.end();
  assert.equal(await rest[6], "did 8");
});

Deno.test("Batcher.add() keeps a batch within its bytes but for a single entry", async () => {
  const { batcher, batches, until } = line({ maxBytes: 10, parallel: 9 });
  const all = [4, 6, 1, 50, 2].map((n) => batcher.add(n));
  assert.deepEqual(await until(3), [[4, 6], [1], [50]]);
  for (const { end } of batches) end();
  assert.deepEqual((await until(4))[3], [2]);
  batches[3]!.end();
  assert.equal((await Promise.all(all)).length, 5);
});

Deno.test("Batcher.add() rejects with what its batch failed with, and goes on", async () => {
  const { batcher, batches, until } = line({ parallel: 1 });
  const failing = batcher.add(1);
  await until(1);
  const next = batcher.add(2);
  batches[0]!.end(new Error("no luck"));
  await assert.rejects(failing, /no luck/);
  await until(2);
  batches[1]!.end();
  assert.equal(await next, "did 2");
});
