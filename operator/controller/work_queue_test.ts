import assert from "node:assert/strict";
import { type Timers, WorkQueue } from "./work_queue.ts";

/** Alarms that go off when a test says so. */
class Alarms implements Timers {
  readonly set: { ms: number; call: () => void }[] = [];

  after(ms: number, call: () => void): () => void {
    const alarm = { ms, call };
    this.set.push(alarm);
    return () => this.set.splice(this.set.indexOf(alarm), 1);
  }

  /** The one alarm there is goes off. */
  ring(): void {
    assert.equal(this.set.length, 1);
    this.set.pop()!.call();
  }
}

/** A queue whose work begins at once and ends when the test says so. */
function stage(workers: number) {
  const timers = new Alarms();
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<number | void>>();
  const failures: [string, number, number][] = [];
  const queue = new WorkQueue({
    work(key) {
      begun.push(key);
      const end = Promise.withResolvers<number | void>();
      ends.set(key, end);
      return end.promise;
    },
    workers,
    firstPauseMs: 100,
    longestPauseMs: 1_000,
    restMs: 300,
    timers,
    onFailure: (key, _error, count, againMs) => failures.push([key, count, againMs]),
  });
  /** Lets everything run that can run without anybody's doing. */
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve));
  return {
    queue,
    timers,
    begun,
    failures,
    async end(key: string, againMs?: number) {
      ends.get(key)!.resolve(againMs);
      await settle();
    },
    async fail(key: string) {
      ends.get(key)!.reject(new Error("no"));
      await settle();
    },
  };
}

Deno.test("WorkQueue works on a key once however often it is added", async () => {
  const { queue, begun, end } = stage(1);
  for (const key of ["a", "b", "b", "b"]) queue.add(key);
  assert.equal(queue.length, 1);
  await end("a");
  await end("b");
  assert.deepEqual(begun, ["a", "b"]);
});

Deno.test("WorkQueue works on a key again that was added meanwhile, and never twice at once", async () => {
  const { queue, begun, end } = stage(4);
  queue.add("a");
  queue.add("a");
  queue.add("a");
  assert.deepEqual(begun, ["a"]);
  await end("a");
  assert.deepEqual(begun, ["a", "a"]);
  await end("a");
  assert.deepEqual(begun, ["a", "a"]);
});

Deno.test("WorkQueue works on so many keys at once as it has workers", async () => {
  const { queue, begun, end } = stage(2);
  for (const key of ["a", "b", "c"]) queue.add(key);
  assert.deepEqual(begun, ["a", "b"]);
  await end("b");
  assert.deepEqual(begun, ["a", "b", "c"]);
});

Deno.test("WorkQueue pauses longer after each failure, up to a bound, and forgets them", async () => {
  const { queue, timers, failures, end, fail } = stage(1);
  queue.add("a");
  for (let n = 0; n < 5; n++) {
    await fail("a");
    while (timers.set.length > 0) timers.ring(); // the rest, and what is left of the pause
  }
  const pauses = failures.map(([, , ms]) => ms);
  assert.deepEqual(pauses, [100, 200, 400, 800, 1_000]);
  await end("a");
  queue.add("a");
  await fail("a");
  assert.deepEqual(failures.at(-1), ["a", 1, 100]);
});

Deno.test("WorkQueue ends a pause early for news, but not before a rest", async () => {
  const { queue, timers, begun, fail, end } = stage(1);
  queue.add("a");
  for (let n = 0; n < 4; n++) {
    queue.add("a"); // the work itself makes news
    await fail("a");
    queue.add("a");
    assert.equal(begun.length, n + 1);
    timers.ring();
  }
  assert.deepEqual(begun.length, 5);
  await fail("a");
  assert.deepEqual(timers.set.map(({ ms }) => ms), [300]);
  timers.ring();
  assert.deepEqual(timers.set.map(({ ms }) => ms), [700]);
  queue.add("a"); // it has rested
  await end("a");
  assert.equal(begun.length, 6);
  assert.equal(timers.set.length, 0);
});

Deno.test("WorkQueue comes back when the work asks for it, or earlier when somebody calls", async () => {
  const { queue, timers, begun, end } = stage(1);
  queue.add("a");
  await end("a", 30_000);
  assert.deepEqual(timers.set.map(({ ms }) => ms), [30_000]);
  queue.add("a");
  assert.equal(timers.set.length, 0); // the work itself says when it is worth coming back
  await end("a", 10_000);
  timers.ring();
  assert.deepEqual(begun, ["a", "a", "a"]);
});

Deno.test("WorkQueue.stop() waits for what is being worked on and begins nothing more", async () => {
  const { queue, timers, begun, end } = stage(1);
  queue.add("a");
  queue.add("b");
  const stopped = queue.stop();
  await end("a", 1_000);
  await stopped;
  queue.add("c");
  assert.deepEqual(begun, ["a"]);
  assert.equal(timers.set.length, 0);
});
