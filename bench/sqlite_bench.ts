/** How fast the embedded queue is, beside SQLite alone. Run it: `deno run -A bench/sqlite_bench.ts`. */

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { openSqliteTransport, type Outgoing, type Transport } from "@asya/transport";
import type { Row } from "./row.ts";

const ROUND_MS = 1000;

/** SQLite alone is measured anew around each round: the disk's mood changes within seconds. */
const BARE_MS = 250;

const BODY = new TextEncoder().encode(JSON.stringify({ id: "x", payload: "y".repeat(300) }));

function outgoing(actor: string): Outgoing {
  return { actor, body: BODY, messageId: "x" };
}

/** One insert a commit; answers commits per second. */
function bareCommits(db: DatabaseSync): number {
  const insert = db.prepare("INSERT INTO t VALUES (?)");
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < BARE_MS; count++) insert.run(BODY);
  return count / ((performance.now() - start) / 1000);
}

async function sends(transport: Transport, inFlight: number): Promise<number> {
  const queue = transport.queue("sent");
  await queue.declare("sent");
  const start = performance.now();
  let count = 0;
  const sender = async () => {
    for (; performance.now() - start < ROUND_MS; count++) await queue.send([outgoing("sent")]);
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
  return count / ((performance.now() - start) / 1000);
}

/** Moves messages from one actor to the next, `prefetch` of them at a time. */
async function prepareRelay(
  transport: Transport,
  prefetch: number,
): Promise<() => Promise<number>> {
  const [from, to] = [`from-${prefetch}`, `to-${prefetch}`];
  const queue = transport.queue(from);
  await queue.declare(from);
  await queue.declare(to);
  const backlog = 400 * prefetch + 4000;
  for (let sent = 0; sent < backlog; sent += 400) {
    await queue.send(Array.from({ length: 400 }, () => outgoing(from)));
  }
  return async () => {
    const stop = new AbortController();
    const settling: Promise<unknown>[] = [];
    const start = performance.now();
    for await (const delivery of queue.receive({ prefetch: () => prefetch, signal: stop.signal })) {
      settling.push(queue.complete(delivery, [outgoing(to)]));
      if (performance.now() - start > ROUND_MS || settling.length === backlog) stop.abort();
    }
    await Promise.all(settling);
    return settling.length / ((performance.now() - start) / 1000);
  };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** How long an idle consumer takes to get a message that somebody sends it, in ms. */
async function wakeUp(sender: Transport, receiver: Transport, actor: string): Promise<number> {
  const queue = receiver.queue(actor);
  await queue.declare(actor);
  const stop = new AbortController();
  const inbox = queue.receive({ prefetch: () => 1, signal: stop.signal })[Symbol.asyncIterator]();
  const out = sender.queue(actor);
  const times: number[] = [];
  for (let i = 0; i < 60; i++) {
    const arrival = inbox.next();
    await new Promise((resolve) => setTimeout(resolve, 10)); // idle
    const start = performance.now();
    await Promise.all([out.send([outgoing(actor)]), arrival]);
    times.push(performance.now() - start);
    const { value } = await arrival;
    if (value) await queue.complete(value, []);
  }
  stop.abort();
  await queue.close();
  return median(times);
}

/** Another process that sends whatever it is asked to, one message a line. */
async function wakeUpFromOutside(path: string): Promise<number> {
  const receiver = openSqliteTransport({ path });
  const script = new URL("./sqlite_bench.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, "--sender", path],
    stdin: "piped",
    stdout: "null",
  }).spawn();
  const ask = child.stdin.getWriter();
  const queue = receiver.queue("outside");
  await queue.declare("outside");
  const stop = new AbortController();
  const inbox = queue.receive({ prefetch: () => 1, signal: stop.signal })[Symbol.asyncIterator]();
  const times: number[] = [];
  for (let i = 0; i < 60; i++) {
    const arrival = inbox.next();
    await new Promise((resolve) => setTimeout(resolve, 10)); // idle
    await ask.write(new TextEncoder().encode("\n"));
    const { value } = await arrival;
    if (!value) break;
    const { sent } = JSON.parse(new TextDecoder().decode(value.body));
    times.push(performance.timeOrigin + performance.now() - sent);
    await queue.complete(value, []);
  }
  stop.abort();
  await ask.close();
  await child.status;
  await receiver.close();
  return median(times.slice(10));
}

async function serveSends(path: string): Promise<void> {
  const transport = openSqliteTransport({ path });
  const queue = transport.queue("outside");
  for await (const _line of Deno.stdin.readable) {
    const sent = performance.timeOrigin + performance.now();
    const body = new TextEncoder().encode(JSON.stringify({ sent }));
    await queue.send([{ actor: "outside", body, messageId: "x" }]);
  }
  await transport.close();
}

/** Measures each figure for about a second. */
export async function bench(): Promise<Row[]> {
  const folder = await Deno.makeTempDir({ prefix: "asya-bench-" });
  const path = join(folder, "queue.sqlite");
  const rows: Row[] = [];
  try {
    const db = new DatabaseSync(join(folder, "bare.sqlite"));
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (b BLOB)");
    rows.push({ name: "sqlite: bare commits", value: bareCommits(db), unit: "/s" });
    const transport = openSqliteTransport({ path });
    const rate = async (name: string, measure: () => Promise<number>) => {
      const before = bareCommits(db);
      const value = await measure();
      const bare = (before + bareCommits(db)) / 2;
      rows.push({ name, value, unit: "/s" }, { name, value: value / bare, unit: "x bare" });
    };
    await rate("sqlite: send, 1 in flight", () => sends(transport, 1));
    await rate("sqlite: send, 100 in flight", () => sends(transport, 100));
    for (const prefetch of [1, 10, 100]) {
      const name = `sqlite: relay, prefetch ${prefetch}`;
      const run = await prepareRelay(transport, prefetch);
      await rate(name, run);
    }
    db.close();
    const here = await wakeUp(transport, transport, "here");
    rows.push({ name: "sqlite: idle wake-up, same process, p50", value: here, unit: "ms" });
    await transport.close();
    const outside = await wakeUpFromOutside(path);
    rows.push({ name: "sqlite: idle wake-up, other process, p50", value: outside, unit: "ms" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return rows;
}

if (import.meta.main) {
  const [flag, path] = Deno.args;
  if (flag === "--sender" && path !== undefined) await serveSends(path);
  else {for (const { name, value, unit } of await bench()) {
      console.log(`${name.padEnd(45)} ${value.toFixed(2).padStart(10)} ${unit}`);
    }}
}
