import assert from "node:assert/strict";
import { DeliveryLost } from "../queue.ts";
import { start } from "../conformance/processes.ts";
import { drain, put, takeOne, textOf, until } from "../conformance/subject.ts";
import { wakeFolder } from "./file.ts";
import { withFile } from "./fixture.ts";

const lockFiles = (path: string) =>
  [...Deno.readDirSync(wakeFolder(path))].filter(({ name }) => name.startsWith("owner-")).length;

withFile(
  "a process that is running takes over from one that is killed, within seconds",
  async ({ path, open }) => {
    const queue = open().queue("work");
    await queue.declare("work");
    await put(queue, "work", "held");
    const env = { ASYA_TRANSPORT: "sqlite", ASYA_SQLITE_PATH: path };
    const child = start({ env }, "hold", "work", "1");
    await until(() => child.lines.length === 1, "the child holds it");
    const arrival = takeOne(queue);
    await until(() => lockFiles(path) === 2, "two owners");
    await child.kill();
    const delivery = await arrival;
    assert.equal(delivery.deliveries, 2);
    await until(() => lockFiles(path) === 1, "the dead owner's lock file is gone");
  },
);

withFile("a closed transport leaves no lock file and no owner", async ({ path, open }) => {
  const transport = open();
  const queue = transport.queue("work");
  await queue.declare("work");
  await put(queue, "work", "a");
  await takeOne(queue);
  await transport.close();
  assert.equal(lockFiles(path), 0);
  const { db } = open();
  assert.equal(db.prepare("SELECT count(*) AS n FROM mq_owner").get()?.["n"], 0);
  assert.equal(db.prepare("SELECT count(*) AS n FROM mq_claim").get()?.["n"], 0);
});

withFile(
  "a process taken for dead is told so, and goes on with new messages",
  async ({ path, open }) => {
    const transport = open({ leaseMs: 300 });
    const queue = transport.queue("work");
    await queue.declare("work");
    await put(queue, "work", "lost");
    const lost = await takeOne(queue);
    // as if somebody had cleaned up the folder: nobody can see that the process lives
    Deno.removeSync(wakeFolder(path), { recursive: true });
    Deno.mkdirSync(wakeFolder(path));
    const other = open({ leaseMs: 300 }).queue("work");
    assert.deepEqual(await drain(other, 1), ["lost"]);
    await assert.rejects(lost.release(), DeliveryLost);

    await until(() => lockFiles(path) === 2, "the lock file is back");
    await put(queue, "work", "next");
    const next = await takeOne(queue);
    assert.equal(textOf(next), "next");
    assert.deepEqual(await queue.complete(next, []), []);
  },
);

withFile("a process that slept does not take over from others that slept too", async ({ open }) => {
  const leaseMs = 1500;
  let slept = 0;
  const now = () => Date.now() + slept;
  const judge = open({ leaseMs, now }).queue("judge");
  await judge.declare("judge");
  const stop = new AbortController();
  const idle = judge.receive({ prefetch: () => 1, signal: stop.signal })[Symbol.asyncIterator]()
    .next();
  const holder = open({ leaseMs, now });
  const queue = holder.queue("work");
  await queue.declare("work");
  await put(queue, "work", "mine");
  const delivery = await takeOne(queue);
  slept = 100 * leaseMs; // the lid was closed
  const renewed = () =>
    Number(holder.db.prepare("SELECT min(lease_until) AS t FROM mq_owner").get()?.["t"]) > now();
  await until(renewed, "both have renewed their leases");
  assert.deepEqual(await queue.complete(delivery, []), []);
  stop.abort();
  await idle;
});
