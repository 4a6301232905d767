import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type SendResult, TransportUnavailable } from "../queue.ts";
import { drain, message, put, soon, take, until } from "../conformance/subject.ts";
import { withFile } from "./fixture.ts";

function isUnavailable(result: SendResult | undefined, what: RegExp): boolean {
  return result?.ok === false && result.error instanceof TransportUnavailable &&
    what.test(result.error.message);
}

withFile("send() in flight a thousand times shares few commits", async ({ open }) => {
  const transport = open();
  const queue = transport.queue("work");
  await queue.declare("work");
  const before = transport.stats;
  const sends = Array.from({ length: 1000 }, (_, i) => put(queue, "work", String(i)));
  await Promise.all(sends);
  const { commits, steps } = transport.stats;
  assert.equal(steps - before.steps, 1000);
  assert.ok(commits - before.commits <= 5, `${commits - before.commits} commits`);
});

withFile("complete() and the next delivery share one commit", async ({ open }) => {
  const transport = open();
  const queue = transport.queue("work");
  await queue.declare("work");
  await put(queue, "work", ...Array.from({ length: 100 }, (_, i) => String(i)));
  const before = transport.stats;
  const stop = new AbortController();
  let count = 0;
  for await (const d of queue.receive({ prefetch: () => 1, signal: stop.signal })) {
    await queue.complete(d, []);
    if (++count === 100) stop.abort();
  }
  const { commits } = transport.stats;
  assert.ok(commits - before.commits < 110, `${commits - before.commits} commits of 100 hops`);
});

withFile("receive() and release() do not wait for the disk", async ({ open }) => {
  const transport = open();
  const queue = transport.queue("work");
  await queue.declare("work");
  await put(queue, "work", "a", "b");
  const { syncs } = transport.stats;
  for (const delivery of await take(queue, 2)) await delivery.release();
  assert.equal(transport.stats.syncs, syncs);
});

withFile(
  "a full disk fails sends with what to do, keeps the rest, and is recovered from",
  async ({ path, open }) => {
    const transport = open();
    const queue = transport.queue("work");
    await queue.declare("work");
    await put(queue, "work", "before");
    const { db } = transport;
    const pages = Number(db.prepare("PRAGMA page_count").get()?.["page_count"]);
    db.exec(`PRAGMA max_page_count = ${pages + 20}`);

    const large = { actor: "work", body: new Uint8Array(1_000_000), messageId: "large" };
    const [small, refused, other] = await Promise.all([
      queue.send([message("work", "small")]),
      queue.send([large]),
      queue.send([message("work", "other")]),
    ]);
    assert.deepEqual(
      [small, other],
      [[{ ok: true }], [{ ok: true }]],
      "one does not fail the others",
    );
    assert.ok(isUnavailable(refused[0], /disk .* is full; make room/), JSON.stringify(refused));
    assert.ok(isUnavailable(refused[0], new RegExp(path)), "names the file");

    const [delivery] = await take(queue, 1);
    const results = await queue.complete(delivery!, [large]);
    assert.ok(isUnavailable(results[0], /full/));
    db.exec("PRAGMA max_page_count = 1000000");
    assert.deepEqual(await queue.complete(delivery!, [{ ...large, delayMs: 60_000 }]), [{
      ok: true,
    }]);
    assert.deepEqual(await drain(queue, 2), ["small", "other"]);
  },
);

withFile("receive() goes on by itself when a full disk has room again", async ({ open }) => {
  const transport = open();
  const queue = transport.queue("work");
  await queue.declare("work");
  const fill = Array.from({ length: 400 }, (_, i) => message("work", `${i}`.padEnd(400)));
  await queue.send(fill);
  const { db } = transport;
  db.exec("PRAGMA max_page_count = 1"); // as low as it goes: not one page more
  const stop = new AbortController();
  let received = 0;
  const receiving = (async () => {
    for await (const _ of queue.receive({ prefetch: () => 400, signal: stop.signal })) received++;
  })();
  await until(() => transport.stats.commits > 2, "claims were tried");
  assert.equal(received, 0);
  db.exec("PRAGMA max_page_count = 1000000");
  await until(() => received === 400, "everything is received");
  stop.abort();
  await receiving;
});

withFile("release() on a full disk takes effect when there is room again", async ({ open }) => {
  const transport = open();
  const queue = transport.queue("work");
  await queue.declare("work");
  await queue.send(Array.from({ length: 3000 }, (_, i) => message("work", `${i}`)));
  const held = await take(queue, 3000);
  // the pages that waiting messages were in go to somebody else, and there are no more
  const { db } = transport;
  db.exec("CREATE TABLE filler (b BLOB); INSERT INTO filler VALUES (zeroblob(200000))");
  db.exec("PRAGMA max_page_count = 1");
  await Promise.all(held.map((delivery) => delivery.release()));
  assert.ok((await queue.depth("work")).inFlight! > 0, "not everything could be given back");
  db.exec("PRAGMA max_page_count = 1000000");
  await until(async () => (await queue.depth("work")).ready === 3000, "everything is back");
});

withFile(
  "a locked file fails calls after busyMs, and is recovered from",
  async ({ path, open }) => {
    const queue = open({ busyMs: 50 }).queue("work");
    await queue.declare("work");
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const result = await soon(queue.send([message("work", "late")]), "an answer");
    assert.ok(isUnavailable(result[0], /another process keeps the write lock/), String(result));
    other.exec("ROLLBACK");
    other.close();
    await put(queue, "work", "a");
    assert.deepEqual(await drain(queue, 1), ["a"]);
  },
);

withFile("a file locked for a moment only delays calls", async ({ path, open }) => {
  const queue = open().queue("work");
  await queue.declare("work");
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  let sent = false;
  const sending = put(queue, "work", "a").then(() => sent = true);
  const end = performance.now() + 50;
  await until(() => performance.now() > end, "50 ms");
  assert.equal(sent, false);
  other.exec("COMMIT");
  other.close();
  await sending;
  assert.deepEqual(await drain(queue, 1), ["a"]);
});

withFile("send() after close() says that the transport is closed", async ({ open }) => {
  const transport = open();
  const queue = transport.queue("work");
  await queue.declare("work");
  await transport.close();
  assert.ok(isUnavailable((await queue.send([message("work", "a")]))[0], /closed/));
});
