import assert from "node:assert/strict";
import { Mailbox, type Parcel } from "./mailbox.ts";

interface Note extends Parcel {
  readonly note: string;
}

const note = (text: string, ...sizes: number[]): Note => ({
  note: text,
  bodies: sizes.map((size, n) => new Uint8Array(size).fill(n + 1)),
});

/** Mailboxes to a worker, which waits at the first and sends back what it gets, and from it. */
async function withWorker(
  use: (there: Mailbox<Note>, back: Mailbox<Note>, memory: SharedArrayBuffer) => Promise<void>,
): Promise<void> {
  const memory = [Mailbox.memory(), Mailbox.memory()] as const;
  const there = new Mailbox<Note>(memory[0]);
  const script = new URL("./testdata/mailbox_worker.ts", import.meta.url);
  const worker = new Worker(script, { type: "module", deno: { permissions: "none" } });
  const left = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.postMessage(memory);
  await use(there, new Mailbox<Note>(memory[1]), memory[0]);
  there.sendAway();
  assert.equal(await left, "left");
  worker.terminate();
}

/** Resolves when somebody has waited for a notification and got it. */
async function whoWaitsIsNotified(control: Int32Array): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (Atomics.notify(control, 0) === 0) {
    assert(performance.now() < deadline, "nobody waits");
    await new Promise((resolve) => setTimeout(resolve));
  }
}

Deno.test("Mailbox carries JSON and bytes to a thread that waits, and back to one that does not", () =>
  withWorker(async (there, back) => {
    for (let round = 0; round < 200; round++) {
      const sent = note(`round ${round} ü \u{1f600}`, round, 0, 3 * round);
      assert(there.put(sent));
      await back.filled();
      assert.deepEqual(back.take(), sent);
    }
  }));

Deno.test("Mailbox.wait() goes on after a notification that came too late", () =>
  withWorker(async (there, back, memory) => {
    const control = new Int32Array(memory, 0, 1);
    for (let round = 0; round < 3; round++) {
      await whoWaitsIsNotified(control);
      await whoWaitsIsNotified(control); // who waits again
      const sent = note(`round ${round}`);
      assert(there.put(sent));
      await back.filled();
      assert.deepEqual(back.take(), sent);
    }
  }));

Deno.test("Mailbox.put() refuses what is too large, and a message before the last one was taken", () => {
  const mailbox = new Mailbox<Note>(Mailbox.memory());
  assert.equal(mailbox.put(note("too large", 300_000, 300_000)), false);
  assert.equal(mailbox.put(note("x".repeat(600_000))), false);
  assert.equal(mailbox.take(), undefined);
  assert(mailbox.put(note("first", 10)));
  assert.equal(mailbox.put(note("second")), false);
  assert.deepEqual(mailbox.take(), note("first", 10));
  assert(mailbox.put(note("second")));
  assert.deepEqual(mailbox.take(), note("second"));
});

Deno.test("Mailbox.sendAway() counts once, and wakes whoever waits for a message here", async () => {
  const mailbox = new Mailbox<Note>(Mailbox.memory());
  const filled = mailbox.filled();
  mailbox.sendAway();
  await filled;
  assert.equal(mailbox.wait(), undefined);
  assert(mailbox.put(note("after it")));
  assert.deepEqual(mailbox.wait(), note("after it"));
});
