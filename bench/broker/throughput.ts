/** The ceiling, and sidecars beside it: 1 KB through each at the same prefetch; then larger ones. */

import type { Row } from "../row.ts";
import { Cast } from "./cast.ts";
import {
  type Contestant,
  cpuOf,
  type Load,
  median,
  NEXT,
  race,
  rateOf,
  ratioOf,
  ROUNDS,
  slice,
} from "./race.ts";
import { envelopes, Scene } from "./scene.ts";

const KB = 1_024;
const COUNTS: Readonly<Record<number, number>> = { 1: 200, 10: 1_200, 100: 4_000, 1_000: 5_000 };
const HANDLERS = ["in-process", "wasm", "python"] as const;
/** What each is to reach of the bare relay, by prefetch. */
const GOALS: Readonly<Record<number, Readonly<Record<typeof HANDLERS[number], number>>>> = {
  10: { "in-process": 0.7, wasm: 0.7, python: 0.6 },
  100: { "in-process": 0.6, wasm: 0.6, python: 0.5 },
};
const NAMES = {
  "in-process": "in-process handler",
  wasm: "WASM plugin",
  python: "Python handler",
} as const;

/** Publishing with confirms, and consuming, with nothing behind it. */
export async function ends(url: string): Promise<Row[]> {
  await using scene = await Scene.open(url, "ends");
  await scene.declare(NEXT);
  const count = 5_000;
  const published: number[] = [];
  const consumed: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now();
    await scene.publishAll(NEXT, count, envelopes(`e-${round}`, [NEXT], KB));
    const between = performance.now();
    await consume(scene, count);
    if (round === 0) continue;
    published.push(count / (between - began) * 1000);
    consumed.push(count / (performance.now() - between) * 1000);
  }
  return [
    rate("bare publish with confirms, 1 KB, 500 in flight", median(published)),
    rate("bare consume with acks, 1 KB, prefetch 100", median(consumed)),
  ];
}

async function consume(scene: Scene, count: number): Promise<void> {
  const all = Promise.withResolvers<void>();
  let seen = 0;
  const tag = await scene.consume(NEXT, 100, () => {
    if (++seen === count) all.resolve();
  });
  await all.promise;
  await scene.channel.cancel(tag);
}

/** 1 KB at several prefetches; 10 KB to 1 MB with the Python handler at prefetch 10. */
export async function throughput(url: string): Promise<Row[]> {
  await using scene = await Scene.open(url, "flow");
  await using cast = new Cast(scene);
  const contestants = new Map<string, Contestant>();
  const join = (one: Contestant) => contestants.set(one.name, one);
  for (const prefetch of [1, 10, 100, 1_000]) join(await cast.relay(`relay-${prefetch}`, prefetch));
  for (const prefetch of [10, 100]) {
    const env = { ASYA_RABBITMQ_PREFETCH: `${prefetch}` };
    join(await cast.inProcess(`in-process-${prefetch}`, env));
    join(await cast.wasm(`wasm-${prefetch}`, env));
    join(await cast.beside(await cast.python("noop"), `python-${prefetch}`, env));
  }
  const plain = await cast.python("noop");
  const old = await cast.python("noop", { protocol: 1 });
  const oldEnv = { ASYA_RABBITMQ_PREFETCH: "10" };
  join(await cast.beside(old, "old-python-10", oldEnv));
  const run = (load: (prefetch: number) => Load, ...names: readonly string[]) =>
    race(
      scene,
      names.map((name) => ({
        contestant: contestants.get(name)!,
        load: load(Number(name.slice(name.lastIndexOf("-") + 1))),
      })),
    );

  const small = await run(
    (prefetch) => ({ count: COUNTS[prefetch]!, bytes: KB }),
    "relay-1",
    ...[10, 100].flatMap((p) => ["relay", ...HANDLERS].map((name) => `${name}-${p}`)),
    "relay-1000",
  );
  const rows = [1, 10, 100, 1_000].map((p) =>
    rate(`bare relay, 1 KB, prefetch ${p}`, rateOf(small, `relay-${p}`))
  );
  for (const p of [10, 100]) {
    for (const name of HANDLERS) {
      const what = `sidecar with a no-op ${NAMES[name]}, 1 KB, prefetch ${p}`;
      rows.push(rate(what, rateOf(small, `${name}-${p}`)));
      const atLeast = GOALS[p]![name];
      rows.push(
        ratio("  of the bare relay", ratioOf(small, `${name}-${p}`, `relay-${p}`), atLeast),
      );
    }
  }
  const loops: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    loops.push(await plain.bareCalls(COUNTS[100]!, payloadOf(KB)));
  }
  rows.push(rate("bare socket loop over the Python handler, 1 KB, no broker", median(loops)));
  rows.push(ratio("  of the bare relay, prefetch 100", median(loops) / rateOf(small, "relay-100")));
  const cpu = (name: string, of = small) => cpuOf(of, name);
  rows.push(ms("CPU a message, bare relay, 1 KB, prefetch 100", cpu("relay-100")));
  for (const name of HANDLERS) {
    const what = `CPU a message, sidecar, ${NAMES[name]}, 1 KB, prefetch 100`;
    rows.push(ms(what, cpu(`${name}-100`), 0.15));
  }
  for (const name of ["relay", ...HANDLERS] as const) {
    const what = name === "relay" ? "bare relay" : `sidecar, ${NAMES[name]}`;
    rows.push({
      name: `memory after that load, ${what}`,
      value: contestants.get(`${name}-100`)!.process.residentMB,
      unit: "MB",
      ...name === "relay" ? {} : { goal: { atMost: 95 } },
    });
  }

  const large = { "10 KB": 1_000, "100 KB": 200, "1 MB": 30 } as const;
  const sizes = { "10 KB": 10 * KB, "100 KB": 100 * KB, "1 MB": KB * KB } as const;
  for (const size of ["10 KB", "100 KB", "1 MB"] as const) {
    const load = { count: large[size], bytes: sizes[size] };
    const olds = size === "1 MB" ? ["old-python-10"] : [];
    const results = await run(() => load, "relay-10", "python-10", ...olds);
    rows.push(rate(`bare relay, ${size}, prefetch 10`, rateOf(results, "relay-10")));
    rows.push(rate(`sidecar with a no-op Python handler, ${size}`, rateOf(results, "python-10")));
    const atLeast = size === "100 KB" ? 0.5 : undefined;
    rows.push(ratio("  of the bare relay", ratioOf(results, "python-10", "relay-10"), atLeast));
    if (size !== "1 MB") continue;
    rows.push(ms("CPU a message, bare relay, 1 MB", cpu("relay-10", results)));
    rows.push(ms("CPU a message, sidecar, 1 MB, protocol 2", cpu("python-10", results), 5));
    rows.push(ms("CPU a message, sidecar, 1 MB, protocol 1", cpu("old-python-10", results), 8));
  }
  return rows;
}

/** A handler that sleeps for 10 ms, ten at once and one by one. */
export async function sleeping(url: string): Promise<Row[]> {
  await using scene = await Scene.open(url, "sleep");
  await using cast = new Cast(scene);
  const ten = await cast.beside(await cast.python("sleep", { concurrency: 10 }), "ten", {
    ASYA_CONCURRENCY: "10",
  });
  const runtime = await cast.python("sleep");
  const one = await cast.beside(runtime, "one");
  const payload = payloadOf(KB);
  const tens: number[] = [];
  const ones: number[] = [];
  const bares: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const at10 = await slice(scene, ten, { count: 2_000, bytes: KB });
    const at1 = await slice(scene, one, { count: 200, bytes: KB });
    const bare = await runtime.bareCalls(200, payload);
    if (round === 0) continue;
    tens.push(at10.rate);
    ones.push(at1.rate / bare);
    bares.push(bare);
  }
  return [
    { ...rate("handler that sleeps 10 ms, ten at once", median(tens)), goal: { atLeast: 800 } },
    rate("handler that sleeps 10 ms, one by one, a bare socket loop", median(bares)),
    ratio("  queue to queue, of that", median(ones), 0.97),
  ];
}

/** A payload of about so many bytes. */
function payloadOf(bytes: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ text: "x".repeat(bytes) }));
}

function rate(name: string, value: number): Row {
  return { name, value, unit: "/s" };
}

function ratio(name: string, value: number, atLeast?: number): Row {
  return { name, value, unit: "x", ...atLeast === undefined ? {} : { goal: { atLeast } } };
}

function ms(name: string, value: number, atMost?: number): Row {
  return { name, value, unit: "ms", ...atMost === undefined ? {} : { goal: { atMost } } };
}
