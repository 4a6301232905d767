import assert from "node:assert/strict";
import { Mailbox, type Parcel } from "./mailbox.ts";

interface Note extends Parcel {
  readonly note: string;
}

const note = (text: string, ...sizes: number[]): Note => ({
  note: text,
  bodies: sizes.map((size, n) => new Uint8Array(size).fill(n + 1)),
});

Deno.test("Mailbox carries JSON and bytes to a thread that waits, and back to one that does not", async () => {
  const memory = [Mailbox.memory(), Mailbox.memory()] as const;
  const there = new Mailbox<Note>(memory[0]);
  const back = new Mailbox<Note>(memory[1]);
  const script = new URL("./testdata/mailbox_worker.ts", import.meta.url);
  const worker = new Worker(script, { type: "module", deno: { permissions: "none" } });
  const left = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.postMessage(memory);
  for (let round = 0; round < 200; round++) {
    const sent = note(`round ${round} ü \u{1f600}`, round, 0, 3 * round);
    assert(there.put(sent));
    await back.filled();
    assert.deepEqual(back.take(), sent);
  }
  there.sendAway();
  assert.equal(await left, "left");
  worker.terminate();
});

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
