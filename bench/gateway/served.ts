/**
 * Gateway processes as they are run for real: calls into RabbitMQ and PostgreSQL, reads beside bare
 * postgres.js, many streams, two replicas. Servers, gateways and clients share one machine.
 */

import postgres from "postgres";
import { median } from "../broker/race.ts";
import { percentile, type Row } from "../row.ts";
import {
  call,
  listen,
  read,
  type Replica,
  type Replicas,
  report,
  startReplicas,
} from "./replicas.ts";

const CLIENTS = 32;
const SLICE_MS = 1_000;
const ROUNDS = 7;
/** How long finals are measured, each way. */
const FINALS_MS = 4_000;
const STREAMS = 2_000;
/** Opened or reported at once. */
const BATCH = 50;
/** Reports a second while streams are measured. */
const REPORTS_PER_SECOND = 200;
const REPORT_ROUNDS = 2;

/** Runs work in {@linkcode CLIENTS} loops for a while: how often a second, and each one's time. */
async function loaded(work: () => Promise<unknown>): Promise<{ rate: number; ms: number[] }> {
  const ms: number[] = [];
  const start = performance.now();
  const client = async () => {
    while (performance.now() - start < SLICE_MS) {
      const began = performance.now();
      await work();
      ms.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { rate: ms.length / (performance.now() - start) * 1_000, ms };
}

async function calls(replica: Replica): Promise<Row[]> {
  await loaded(() => call(replica)); // warm
  const slices = [];
  for (let round = 0; round < ROUNDS; round++) slices.push(await loaded(() => call(replica)));
  return [
    {
      name: `POST /tools/call into RabbitMQ and PostgreSQL, ${CLIENTS} clients`,
      value: median(slices.map(({ rate }) => rate)),
      unit: "/s",
      goal: { atLeast: 1_000 },
    },
    {
      name: "  p99",
      value: median(slices.map(({ ms }) => percentile(ms, 0.99))),
      unit: "ms",
      goal: { atMost: 100 },
    },
  ];
}

async function reads(replica: Replica, databaseUrl: string): Promise<Row[]> {
  const id = await call(replica);
  const sql = postgres(databaseUrl, { max: 10, fetch_types: false, onnotice() {} });
  const bare = () => sql`SELECT record, payload, result FROM gateway_envelopes WHERE id = ${id}`;
  const ours = () => read(replica, id);
  try {
    const rounds: { ours: number; bare: number }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const one = { bare: (await loaded(bare)).rate, ours: (await loaded(ours)).rate };
      if (round > 0) rounds.push(one);
    }
    return [
      {
        name: `bare postgres.js by key, ${CLIENTS} in flight`,
        value: median(rounds.map((round) => round.bare)),
        unit: "/s",
      },
      {
        name: `GET /envelopes/{id}, ${CLIENTS} in flight`,
        value: median(rounds.map((round) => round.ours)),
        unit: "/s",
      },
      {
        name: "  of that",
        value: median(rounds.map((round) => round.ours / round.bare)),
        unit: "x",
        goal: { atLeast: 0.6 },
      },
    ];
  } finally {
    await sql.end();
  }
}

async function inBatches<T>(
  count: number,
  make: (n: number) => Promise<T>,
): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) {
    const size = Math.min(BATCH, count - made.length);
    made.push(...await Promise.all(Array.from({ length: size }, (_, n) => make(made.length + n))));
  }
  return made;
}

/** One client an envelope; reports come in at a steady pace, in turn. */
async function streams(replica: Replica): Promise<Row[]> {
  const ids = await inBatches(STREAMS, () => call(replica));
  const listeners = await inBatches(STREAMS, (n) => listen(replica, ids[n]!));
  await Promise.all(listeners.map((listener) => listener.until('"running"')));
  const ms: number[] = [];
  const one = async (n: number, message: string) => {
    const seen = listeners[n]!.until(message);
    const began = performance.now();
    const body = { actors: ["prep"], current_actor_idx: 0, status: "processing", message };
    await Promise.all([
      seen.then(() => ms.push(performance.now() - began)),
      report(replica, ids[n]!, "progress", body),
    ]);
  };
  const began = performance.now();
  const under: Promise<void>[] = [];
  for (let n = 0; n < STREAMS * REPORT_ROUNDS; n++) {
    const wait = began + n * 1_000 / REPORTS_PER_SECOND - performance.now();
    if (wait > 1) await new Promise((waited) => setTimeout(waited, wait));
    under.push(one(n % STREAMS, `m${n}.`));
  }
  await Promise.all(under);
  const { residentMB } = replica.process;
  for (const listener of listeners) listener.close();
  return [
    {
      name: `report to event, ${STREAMS} streams, ${REPORTS_PER_SECOND} reports/s, p99`,
      value: percentile(ms, 0.99),
      unit: "ms",
      goal: { atMost: 100 },
    },
    { name: "  p50", value: percentile(ms, 0.5), unit: "ms" },
    {
      name: "  resident memory of the gateway",
      value: residentMB,
      unit: "MB",
      goal: { atMost: 300 },
    },
  ];
}

/** From sending the final report to one replica until a client of another (or the same) has it. */
async function finalToEvent(to: Replica, from: Replica): Promise<number> {
  const ms: number[] = [];
  const end = performance.now() + FINALS_MS;
  while (performance.now() < end) {
    const id = await call(to);
    const listener = await listen(from, id);
    await listener.until('"running"');
    const began = performance.now();
    const seen = listener.until('"succeeded"').then(() => ms.push(performance.now() - began));
    await Promise.all([seen, report(to, id, "final", { status: "succeeded", result: 1 })]);
    listener.close();
  }
  return percentile(ms, 0.5);
}

async function finals({ first, second }: Replicas): Promise<Row[]> {
  return [
    {
      name: "final report to event, p50, same replica",
      value: await finalToEvent(first, first),
      unit: "ms",
      goal: { atMost: 5 },
    },
    {
      name: "final report to event, p50, other replica",
      value: await finalToEvent(first, second),
      unit: "ms",
      goal: { atMost: 10 },
    },
  ];
}

/** All rows, about a minute and a half. */
export async function served(): Promise<Row[]> {
  await using replicas = await startReplicas();
  return [
    ...await calls(replicas.first),
    ...await reads(replicas.first, replicas.databaseUrl),
    ...await finals(replicas),
    ...await streams(replicas.second), // which has done little: its memory is that of the streams
  ];
}
